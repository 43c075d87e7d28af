// The meter's clock, from the spans of one offset each that the server sends: what a moment is
// called there, and where hours, days and months begin. The browser's own zone is never asked:
// uPlot's tzDate is wrong where that zone has daylight saving time (its issue 1068).
"use strict";

const ReadingsClock = (() => {
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const HOUR = 3600;
  const DAY = 24 * HOUR;
  const MONDAY = 4; // 1970-01-05 was one

  // How far apart ticks may be: seconds, and which local midnights count from a day on.
  const STEPS = [
    ...[1, 2, 3, 6, 12].map((hours) => ({ seconds: hours * HOUR, every: hours * HOUR })),
    { seconds: DAY, every: DAY },
    { seconds: 2 * DAY, every: DAY, counts: (wall) => Math.floor(wall / DAY) % 2 === 0 },
    { seconds: 7 * DAY, every: DAY, counts: (wall) => Math.floor(wall / DAY) % 7 === MONDAY },
    { seconds: 30 * DAY, every: DAY, counts: (wall) => utc(wall).getUTCDate() === 1 },
    { seconds: 91 * DAY, every: DAY, counts: (wall) => isMonth(utc(wall), 3) },
    { seconds: 365 * DAY, every: DAY, counts: (wall) => isMonth(utc(wall), 12) },
  ];

  const utc = (wall) => new Date(wall * 1000);
  const isMonth = (date, every) => date.getUTCDate() === 1 && date.getUTCMonth() % every === 0;

  function of(sent) {
    const spans = sent.map((span, n) => ({
      start: n ? Date.parse(span.start) / 1000 : -Infinity,
      end: n + 1 < sent.length ? Date.parse(sent[n + 1].start) / 1000 : Infinity,
      offset: span.offset_s,
      name: span.name,
    }));
    const spanAt = (moment) => spans.find((span) => moment < span.end);

    // The local time of a moment (seconds since 1970 UTC), read with the UTC methods of Date.
    const wallAt = (moment) => utc(moment + spanAt(moment).offset);

    function ticks(from, to, most) {
      const step = STEPS.find((each) => (to - from) / each.seconds <= most) ?? STEPS.at(-1);
      const found = [];
      for (const span of spans) {
        const last = Math.min(to, span.end - 1);
        let wall = Math.ceil((Math.max(from, span.start) + span.offset) / step.every) * step.every;
        for (; wall - span.offset <= last; wall += step.every) {
          if (!step.counts || step.counts(wall)) found.push(wall - span.offset);
        }
      }
      return { step, found };
    }

    const clock = (local) => {
      const minutes = local.getUTCMinutes();
      const digits = minutes ? `:${String(minutes).padStart(2, "0")}` : "";
      return `${local.getUTCHours() % 12 || 12}${digits} ${local.getUTCHours() < 12 ? "AM" : "PM"}`;
    };
    const day = (local) => `${MONTHS[local.getUTCMonth()]} ${local.getUTCDate()}`;

    function tickLabel(moment, step, isFirst) {
      const local = wallAt(moment);
      const year = local.getUTCFullYear();
      if (step.seconds >= 30 * DAY) {
        const month = MONTHS[local.getUTCMonth()];
        return isFirst || local.getUTCMonth() === 0 ? `${month}\n${year}` : month;
      }
      if (step.seconds >= DAY) return isFirst ? `${day(local)}\n${year}` : day(local);
      const isMidnight = local.getUTCHours() === 0 && local.getUTCMinutes() === 0;
      return isFirst || isMidnight ? `${clock(local)}\n${day(local)}` : clock(local);
    }

    function label(moment, isDay = false) {
      const local = wallAt(moment);
      const date = `${WEEKDAYS[local.getUTCDay()]} ${day(local)}, ${local.getUTCFullYear()}`;
      return isDay ? date : `${date}, ${clock(local)} ${spanAt(moment).name}`;
    }

    return { ticks, tickLabel, label };
  }

  return { of };
})();
