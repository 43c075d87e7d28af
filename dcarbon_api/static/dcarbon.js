// What pages do beyond plain links and forms: the token for htmx, focus and words after a swap.
"use strict";

const live = document.getElementById("live");

function announce(words) {
  if (live && words && live.textContent !== words) live.textContent = words;
}

document.body.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector('meta[name="csrf-token"]');
  if (token) event.detail.headers["X-CSRFToken"] = token.content;
});

document.body.addEventListener("htmx:afterSettle", (event) => {
  const swapped = event.detail.elt;
  const speaking = swapped.matches?.("[data-announce]") ? swapped : swapped.querySelector?.("[data-announce]");
  if (speaking) announce(speaking.dataset.announce);
  // Polling must not take the focus away; what somebody asked for by a click may.
  if (event.detail.requestConfig?.triggeringEvent instanceof Event) {
    const first = swapped.querySelector?.("[aria-invalid=true], [data-focus]");
    if (first) first.focus();
  }
});

for (const failure of ["htmx:responseError", "htmx:sendError"]) {
  document.body.addEventListener(failure, () => {
    announce("This part of the page could not be refreshed. It is tried again.");
  });
}

// A menu closes when one goes elsewhere, as menus do.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// Errors first: after a refused form the first field that is wrong gets the focus.
document.querySelector("main [aria-invalid=true]")?.focus();
document.querySelector("[data-copy]")?.removeAttribute("hidden");
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
  announce("Copied.");
  button.querySelector("span").textContent = "Copied";
});
