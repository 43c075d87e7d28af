// Arrow keys on the calendar: one stop for the Tab key instead of one for each day of the year.
"use strict";

(() => {
  const days = [...document.querySelectorAll(".heat-map td a")];
  if (days.length === 0) return;

  const show = (place, focused) => {
    for (const [n, day] of days.entries()) day.tabIndex = n === place ? 0 : -1;
    if (focused) days[place].focus();
  };

  const beside = (day, step) => {
    const row = day.closest("tr");
    const column = [...row.querySelectorAll("a")].indexOf(day);
    const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
    const there = other ? [...other.querySelectorAll("a")] : [];
    return there.length === 0 ? day : there[Math.min(column, there.length - 1)];
  };

  const isCalendar = () => getComputedStyle(document.querySelector(".heat-map tr")).display === "grid";

  const target = (key, place) => {
    const last = days.length - 1;
    const week = key === "ArrowUp" ? -7 : 7;
    switch (key) {
      case "ArrowLeft": return Math.max(0, place - 1);
      case "ArrowRight": return Math.min(last, place + 1);
      case "Home": return 0;
      case "End": return last;
      case "ArrowUp":
      case "ArrowDown":
        if (isCalendar()) return Math.min(last, Math.max(0, place + week));
        return days.indexOf(beside(days[place], Math.sign(week)));
      default: return null;
    }
  };

  document.querySelector(".heat-map").addEventListener("keydown", (event) => {
    const place = days.indexOf(event.target.closest("a"));
    if (place < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const next = target(event.key, place);
    if (next === null) return;
    event.preventDefault();
    show(next, true);
  });

  document.querySelector("[data-keys]").hidden = false;
  show(days.length - 1, false);
})();
