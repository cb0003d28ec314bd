// Histograms with a range on each: drag to choose, double-click to clear, or move the two handles by keys.
const SVG = "http://www.w3.org/2000/svg";
const WAIT_MS = 250; // keys held down are sent once they rest
const NEAR_PIXELS = 12;

const short = (value) => String(Number(value.toPrecision(3)));

// One histogram. Its range is kept as two places between 0 and the number of bins; a link's bound may lie between edges.
class Brush {
  constructor(data, changed) {
    this.changed = changed;
    this.node = element("div", "brush");
    this.node.setAttribute("role", "group");
    const head = element("div", "head");
    this.title = element("span", "title", data.words);
    this.said = element("span", "bounds");
    head.append(this.title, this.said);
    this.plot = element("div", "plot");
    this.plot.title = "Drag to choose a range, double-click to clear";
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("aria-hidden", "true");
    this.plot.append(this.svg);
    this.handles = ["low", "high"].map((side) => this.makeHandle(side, data.words));
    const ends = element("div", "ends");
    ends.append(element("span", null, data.ends[0]), element("span", null, data.ends[1]));
    this.node.append(head, this.plot, ends);
    this.node.setAttribute("aria-label", data.words);
    this.plot.addEventListener("pointerdown", (event) => this.press(event));
    this.plot.addEventListener("dblclick", () => { this.set(0, this.bins, true); });
  }

  makeHandle(side, words) {
    const handle = element("span", `handle ${side}`);
    handle.tabIndex = 0;
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-label", `${words}: ${side === "low" ? "at least" : "at most"}`);
    handle.addEventListener("keydown", (event) => this.key(event, side));
    this.plot.append(handle);
    return handle;
  }

  update(data, keep) {
    this.edges = data.histogram.edges;
    this.bins = this.edges.length - 1;
    const drawn = JSON.stringify(data.histogram);
    if (drawn !== this.drawn) { this.drawn = drawn; this.draw(data.histogram.counts); }
    if (keep || this.dragging) return; // this side knows something newer
    this.low = data.low === null ? 0 : this.placeOf(data.low);
    this.high = data.high === null ? this.bins : this.placeOf(data.high);
    this.exact = { low: data.low, high: data.high };
    this.paint();
  }

  draw(counts) {
    this.svg.setAttribute("viewBox", `0 0 ${this.bins} 100`);
    const most = Math.sqrt(Math.max(...counts, 1));
    this.bars = counts.map((count, bin) => {
      const bar = document.createElementNS(SVG, "rect"), height = count ? Math.max(4, (100 * Math.sqrt(count)) / most) : 0;
      for (const [name, value] of Object.entries({ x: bin + 0.08, width: 0.84, y: 100 - height, height })) bar.setAttribute(name, value);
      return bar;
    });
    this.svg.replaceChildren(...this.bars);
    if (this.edges[0] < 0 && this.edges[this.bins] > 0) {
      const zero = document.createElementNS(SVG, "line"), x = this.placeOf(0);
      for (const [name, value] of Object.entries({ x1: x, x2: x, y1: 0, y2: 100, class: "zero" })) zero.setAttribute(name, value);
      this.svg.append(zero);
    }
  }

  placeOf(value) {
    const at = this.edges.findIndex((edge) => edge >= value);
    if (at < 0) return this.bins;
    if (at === 0) return 0;
    return at - (this.edges[at] - value) / (this.edges[at] - this.edges[at - 1]);
  }

  // A bound at the outer end is none: the outer bins hold all that lies beyond.
  bounds() {
    const low = this.exact.low ?? (this.low <= 0 ? null : this.edges[Math.round(this.low)]);
    const high = this.exact.high ?? (this.high >= this.bins ? null : this.edges[Math.round(this.high)]);
    return { low, high };
  }

  set(low, high, atOnce) {
    this.move(low, high);
    this.changed(this.bounds(), atOnce);
  }

  // A side that stays where it is keeps its exact bound, which may lie between edges.
  move(low, high) {
    this.exact = { low: low === this.low ? this.exact.low : null, high: high === this.high ? this.exact.high : null };
    this.low = low; this.high = high;
    this.paint();
  }

  paint() {
    const { low, high } = this.bounds();
    const isChosen = low !== null || high !== null;
    this.node.classList.toggle("chosen", isChosen);
    this.said.textContent = !isChosen ? "any" : low === null ? `≤ ${short(high)}` : high === null ? `≥ ${short(low)}` : `${short(low)} – ${short(high)}`;
    this.bars.forEach((bar, bin) => bar.classList.toggle("in", bin + 0.5 > this.low && bin + 0.5 < this.high));
    const places = [this.low, this.high], values = [low, high], words = ["no lower bound", "no upper bound"], sides = ["at least", "at most"];
    this.handles.forEach((handle, at) => {
      handle.style.left = `${(100 * places[at]) / this.bins}%`;
      handle.setAttribute("aria-valuemin", this.edges[0]);
      handle.setAttribute("aria-valuemax", this.edges[this.bins]);
      handle.setAttribute("aria-valuenow", values[at] ?? this.edges[at ? this.bins : 0]);
      handle.setAttribute("aria-valuetext", values[at] === null ? words[at] : `${sides[at]} ${short(values[at])}`);
    });
  }

  key(event, side) {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5, Home: -this.bins, End: this.bins };
    if (["Delete", "Backspace"].includes(event.key)) this.set(0, this.bins, true);
    else if (event.key in steps) {
      const step = steps[event.key], old = side === "low" ? this.low : this.high;
      const to = (step > 0 ? Math.floor(old + 1e-9) : Math.ceil(old - 1e-9)) + step;
      if (side === "low") this.set(Math.max(0, Math.min(this.high - 1, to)), this.high, false);
      else this.set(this.low, Math.min(this.bins, Math.max(this.low + 1, to)), false);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  press(event) {
    if (event.button !== 0) return;
    const box = this.plot.getBoundingClientRect();
    const at = (moved) => Math.max(0, Math.min(this.bins, Math.round(((moved.clientX - box.left) / box.width) * this.bins)));
    const pixels = (place) => Math.abs(event.clientX - box.left - (place / this.bins) * box.width);
    const start = at(event), before = [this.low, this.high, this.exact];
    const nearLow = pixels(this.low) <= NEAR_PIXELS, nearHigh = pixels(this.high) <= NEAR_PIXELS;
    const fixed = nearLow || nearHigh ? (nearLow && (!nearHigh || this.low > 0) ? this.high : this.low) : start;
    let hasMoved = false;
    const move = (moved) => {
      const now = at(moved);
      if (now === fixed || (!hasMoved && now === start)) return;
      hasMoved = this.dragging = true;
      this.move(Math.min(fixed, now), Math.max(fixed, now));
    };
    const done = (ended) => {
      for (const [name, act] of [["pointermove", move], ["pointerup", done], ["pointercancel", done]]) this.plot.removeEventListener(name, act);
      this.dragging = false;
      if (ended.type === "pointercancel") { [this.low, this.high, this.exact] = before; this.paint(); } else if (hasMoved) this.set(this.low, this.high, true);
    };
    for (const [name, act] of [["pointermove", move], ["pointerup", done], ["pointercancel", done]]) this.plot.addEventListener(name, act);
    this.plot.setPointerCapture(event.pointerId);
    event.preventDefault();
    if (event.target.classList.contains("handle")) event.target.focus();
  }
}

class Brushes {
  constructor(root) {
    this.host = root.querySelector(".brushes");
    this.brushes = new Map();
    this.waiting = new Map(); // column → what Python has not acknowledged
    this.sequence = 0;
  }

  update(component) {
    this.component = component;
    const { brushes, acknowledged } = component.data;
    this.sequence = Math.max(this.sequence, acknowledged);
    for (const [column, entry] of this.waiting) if (entry.sequence <= acknowledged) this.waiting.delete(column);
    const wanted = new Set(brushes.map((one) => one.column));
    for (const [column, view] of this.brushes) if (!wanted.has(column)) { view.node.remove(); this.brushes.delete(column); }
    brushes.forEach((one, position) => {
      let view = this.brushes.get(one.column);
      if (!view) {
        view = new Brush(one, (bounds, atOnce) => this.changed(one.column, bounds, atOnce));
        this.brushes.set(one.column, view);
      }
      if (this.host.children[position] !== view.node) this.host.insertBefore(view.node, this.host.children[position] || null);
      view.update(one, this.waiting.has(one.column));
    });
  }

  changed(column, bounds, atOnce) {
    this.sequence += 1;
    this.waiting.set(column, { column, sequence: this.sequence, ...bounds });
    clearTimeout(this.timer);
    const send = () => this.component.setStateValue("brushed", [...this.waiting.values()]);
    if (atOnce) send(); else this.timer = setTimeout(send, WAIT_MS);
  }
}

export default function (component) {
  instanceOf(component, (root) => new Brushes(root)).update(component);
}
