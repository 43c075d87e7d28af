// Lists of which several can be chosen: one box for all of a page, and how many are chosen in words.
// The list may be exchanged by htmx, so the document listens, not the boxes.
"use strict";

function chosenOf(form) {
  const boxes = [...form.querySelectorAll("[data-choose]")];
  const chosen = boxes.filter((box) => box.checked).length;
  const all = form.querySelector("[data-choose-all]");
  if (all) {
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }
  const words = form.querySelector("[data-chosen]");
  if (words) words.textContent = chosen ? `, ${chosen} chosen` : "";
}

function showBoxes() {
  for (const box of document.querySelectorAll("[data-choose-all]")) box.hidden = false;
  for (const form of document.querySelectorAll("[data-choosing]")) chosenOf(form);
}

document.addEventListener("change", (event) => {
  const form = event.target.closest?.("[data-choosing]");
  if (!form) return;
  if (event.target.matches("[data-choose-all]")) {
    for (const box of form.querySelectorAll("[data-choose]")) box.checked = event.target.checked;
  }
  chosenOf(form);
});
document.body.addEventListener("htmx:afterSettle", showBoxes);
showBoxes();
