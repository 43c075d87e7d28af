// Draws the charts of a readings page from the data's address, and looks closer where one drags.
// Tables and totals are on the page already: without this script nothing is missing but the picture.
"use strict";

(() => {
  const root = document.getElementById("readings");
  if (!root) return;

  const MARK = 3.5; // radius of the mark of a partial step, in CSS pixels
  const TICK = 56; // room for a label of the time axis
  const HOW = "Point at the chart to read it; drag across it to look closer.";
  const charts = new Map(); // by the panel's key
  let whole = null; // the data of the range the page is about

  const keyOf = (panel) => [...panel.lines.map((line) => line.channel_id), ...(panel.is_bills ? ["bills"] : [])].join(",");
  const quantity = (value, exponent) => (exponent < 0 ? value / 10 ** -exponent : value * 10 ** exponent);
  const shown = (value, exponent) =>
    quantity(value, exponent).toLocaleString("en-US", {
      minimumFractionDigits: Math.max(0, -exponent),
      maximumFractionDigits: Math.max(0, -exponent),
    });

  async function load(from, to) {
    const address = new URL(root.dataset.url, location.href);
    if (from !== undefined) {
      address.searchParams.set("start", new Date(from * 1000).toISOString());
      address.searchParams.set("end", new Date(to * 1000).toISOString());
    }
    const response = await fetch(address); // the page asked for the first one already: preload
    if (!response.ok) throw new Error(`readings: ${response.status}`);
    return response.json();
  }

  // What uPlot gets: starts and one more for the end of the last step, null where nothing is.
  function columns(panel) {
    const lines = panel.lines.map((line) => {
      const sign = line.is_below ? -1 : 1;
      return [...line.values.map((value) => (value === null ? null : sign * quantity(value, line.exponent))), null];
    });
    return [[...panel.starts, panel.end], ...lines];
  }

  // A value holds for its whole step; a gap breaks the line. uPlot's own stepped path draws neither
  // the last step nor a step between two gaps.
  function steppedPath(plot, series, first, last) {
    const [times, values] = [plot.data[0], plot.data[series]];
    const x = (time) => plot.valToPos(time, "x", true);
    const y = (value) => plot.valToPos(value, "y", true);
    const [stroke, fill, zero] = [new Path2D(), new Path2D(), y(0)];
    let isOpen = false;
    for (let n = Math.max(0, first - 1); n <= Math.min(last, times.length - 2); n += 1) {
      if (values[n] === null) { isOpen = false; continue; }
      const [left, right, level] = [x(times[n]), x(times[n + 1]), y(values[n])];
      if (isOpen) stroke.lineTo(left, level);
      else { stroke.moveTo(left, level); fill.moveTo(left, zero); }
      fill.lineTo(left, level);
      stroke.lineTo(right, level);
      fill.lineTo(right, level);
      if (values[n + 1] === null) fill.lineTo(right, zero);
      isOpen = true;
    }
    return { stroke, fill, clip: null, band: null, gaps: null, flags: 0 };
  }

  function hatched(ctx, colour) {
    const size = 8 * devicePixelRatio;
    const tile = Object.assign(document.createElement("canvas"), { width: size, height: size });
    const pen = tile.getContext("2d");
    pen.strokeStyle = colour;
    pen.lineWidth = devicePixelRatio;
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift, size);
      pen.lineTo(shift + size, 0);
    }
    pen.stroke();
    return ctx.createPattern(tile, "repeat");
  }

  function drawGaps(plot, panel, ink) {
    const { ctx, bbox } = plot;
    const zero = plot.valToPos(0, "y", true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = hatched(ctx, ink("gap"));
    panel.lines.forEach((line) => {
      const [top, bottom] = line.is_below ? [zero, bbox.top + bbox.height] : [bbox.top, zero];
      line.values.forEach((value, place) => {
        if (value !== null) return;
        const left = plot.valToPos(plot.data[0][place], "x", true);
        const right = plot.valToPos(plot.data[0][place + 1], "x", true);
        ctx.fillRect(left, top, Math.max(1, right - left), bottom - top);
      });
    });
    ctx.restore();
  }

  function drawPartial(plot, panel, ink) {
    const { ctx, bbox } = plot;
    const radius = MARK * devicePixelRatio;
    ctx.save();
    ctx.lineWidth = 1.5 * devicePixelRatio;
    panel.lines.forEach((line, n) => {
      ctx.strokeStyle = ink(n);
      ctx.fillStyle = ink("paper");
      for (const place of line.partial) {
        const middle = (plot.data[0][place] + plot.data[0][place + 1]) / 2;
        const [x, y] = [plot.valToPos(middle, "x", true), plot.valToPos(plot.data[n + 1][place], "y", true)];
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        ctx.beginPath();
        ctx.arc(x, y, radius, 0, 2 * Math.PI);
        ctx.fill();
        ctx.stroke();
      }
    });
    ctx.restore();
  }

  // Says the step the pointer is in; of a thinned line, the point nearest to it.
  function readOut(plot, panel, clock, words) {
    const { left, idx } = plot.cursor;
    if (!(left >= 0) || idx === null || idx === undefined) return;
    const moment = plot.posToVal(left, "x");
    const place = panel.is_thinned ? idx : panel.starts.findLastIndex((start) => start <= moment);
    if (place < 0 || place >= panel.starts.length) return;
    const partial = (line) => (line.partial.includes(place) ? " (partial)" : "");
    const told = panel.lines.map((line) => {
      const value = line.values[place];
      return value === null ? `${line.name}: no reading` : `${line.name}: ${shown(value, line.exponent)} ${panel.unit}${partial(line)}`;
    });
    words.textContent = `${clock.label(panel.starts[place], panel.step === "day")} · ${told.join(" · ")}`;
  }

  function padded(panel, least, greatest) {
    const [low, high] = [Math.min(0, least ?? 0), Math.max(0, greatest ?? 0)];
    if (low === high) return panel.lines.every((line) => line.is_below) ? [-1, 0.1] : [-0.1, 1];
    const room = 0.06 * (high - low);
    return [low < 0 ? low - room : low, high > 0 ? high + room : high];
  }

  function options(section, panel, clock) {
    const ink = (name) => {
      const swatch = name === "paper" ? section : section.querySelector(`[data-ink="${name}"]`);
      const look = getComputedStyle(swatch);
      return name === "paper" ? look.backgroundColor : look.color;
    };
    const box = section.querySelector("[data-chart]");
    const words = section.querySelector("[data-readout]");
    const faint = () => getComputedStyle(section.querySelector("[data-grid]")).color;
    const axis = { stroke: () => getComputedStyle(words).color, font: "12px system-ui, sans-serif", grid: { stroke: faint, width: 1 }, ticks: { stroke: faint, width: 1 } };
    // Steps finer than a pixel cannot be seen, and a line is drawn much faster.
    const isDense = panel.is_thinned || panel.starts.length > 2 * box.clientWidth;
    let step = null;
    return {
      width: box.clientWidth,
      height: box.clientHeight,
      legend: { show: false },
      scales: { x: { time: false, range: (plot, from, to) => [from, to] }, y: { range: (plot, least, greatest) => padded(panel, least, greatest) } },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, dist: 4 }, bind: { dblclick: () => () => reset() } },
      series: [
        {},
        ...panel.lines.map((line, n) => ({
          stroke: () => ink(n),
          // Filling thousands of peaks takes ten times as long as the line, and hides under it.
          ...(isDense ? {} : { fill: () => ink(n).replace("rgb(", "rgba(").replace(")", ", 0.18)"), fillTo: 0 }),
          width: isDense ? 1 : 1.5,
          spanGaps: false,
          points: { show: false },
          ...(isDense ? {} : { paths: steppedPath }),
        })),
      ],
      axes: [
        {
          ...axis,
          splits: (plot, _axis, from, to) => {
            const { step: chosen, found } = clock.ticks(from, to, Math.max(2, plot.bbox.width / devicePixelRatio / TICK));
            step = chosen;
            return found;
          },
          values: (plot, ticks) => ticks.map((tick, n) => clock.tickLabel(tick, step, n === 0)),
          size: 48,
          incrs: [1e10], // any: uPlot wants to find one, the ticks come from the clock
        },
        { ...axis, size: 64, values: (plot, ticks) => ticks.map((tick) => Math.abs(tick).toLocaleString("en-US")) },
      ],
      hooks: {
        drawClear: [(plot) => drawGaps(plot, panel, ink)],
        draw: [(plot) => drawPartial(plot, panel, ink)],
        setCursor: [(plot) => readOut(plot, panel, clock, words)],
        setSelect: [(plot) => { if (plot.select.width > 0) lookCloser(plot); }],
      },
    };
  }

  function draw(data) {
    const clock = ReadingsClock.of(data.clock);
    const panels = new Map(data.panels.map((panel) => [keyOf(panel), panel]));
    for (const section of document.querySelectorAll("[data-panel]")) {
      const panel = panels.get(section.dataset.panel);
      const box = section.querySelector("[data-chart]");
      if (!panel) {
        box.plot?.setScale("x", { min: Date.parse(data.start) / 1000, max: Date.parse(data.end) / 1000 });
        continue;
      }
      box.plot?.destroy();
      box.plot = new uPlot(options(section, panel, clock), columns(panel), box);
      charts.set(section.dataset.panel, box.plot);
    }
  }

  async function lookCloser(plot) {
    const times = plot.data[0];
    const [left, right] = [plot.select.left, plot.select.left + plot.select.width].map((at) => plot.posToVal(at, "x"));
    const from = times.findLast((time) => time <= left) ?? times[0];
    const to = times.find((time) => time >= right) ?? times.at(-1);
    let data;
    try {
      data = await load(from, to);
    } catch {
      announce("This part could not be loaded in detail.");
      return;
    }
    draw(data);
    offer(data, from, to);
  }

  // Where one is after looking closer, and the ways back and on.
  function offer(data, from, to) {
    const clock = ReadingsClock.of(data.clock);
    const address = new URL(location.href);
    address.searchParams.delete("page");
    address.searchParams.delete("preset");
    address.searchParams.set("start", new Date(from * 1000).toISOString());
    address.searchParams.set("end", new Date(to * 1000).toISOString());
    for (const section of document.querySelectorAll("[data-panel]")) {
      section.querySelector("[data-tools]").hidden = false;
      section.querySelector("[data-open]").href = address.href;
      section.querySelector("[data-readout]").textContent = `${clock.label(from)} to ${clock.label(to)}`;
    }
    announce(`Showing ${clock.label(from)} to ${clock.label(to)}.`);
  }

  function hint(words) {
    for (const readout of document.querySelectorAll("[data-readout]")) readout.textContent = words;
  }

  function reset() {
    if (whole === null) return;
    draw(whole);
    hint(HOW);
    for (const tools of document.querySelectorAll("[data-tools]")) tools.hidden = true;
    announce("Showing the whole range.");
  }

  root.addEventListener("click", (event) => {
    if (event.target.closest("[data-reset]")) reset();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const plot of charts.values()) plot.redraw(false);
  });
  new ResizeObserver(() => {
    for (const plot of charts.values()) {
      const box = plot.root.parentElement;
      if (box && box.clientWidth !== plot.width) plot.setSize({ width: box.clientWidth, height: box.clientHeight });
    }
  }).observe(root);

  load().then(
    (data) => {
      whole = data;
      draw(data);
      hint(HOW);
      // uPlot draws by itself a moment later; this is said once the picture is out.
      requestAnimationFrame(() => setTimeout(() => {
        root.dataset.state = "drawn";
        performance.mark("readings-drawn");
      }));
    },
    () => {
      root.dataset.state = "failed";
      hint("The chart could not be drawn. Reload the page to try again; the numbers are in the tables below.");
    },
  );
})();
