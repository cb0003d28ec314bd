// The map: points to look at, and an area drawn round some of them by mouse, touch or keyboard.
const THUMB = /^[0-9]{5,7}-[0-9]{9}-[0-9]{6}-[0-9a-f]{16}\.webp$/;
const NEAR_PIXELS = 12, CLICK_PIXELS = 5, LASSO_STEP = 4;
const HELP = "Draw round points to choose them; click one to open it. Keys: arrows move a box, Shift+arrows make it larger or smaller, Enter chooses what is in it, + and − zoom, 0 shows everything, Escape clears.";
const KINDS_OF_LEGEND = { labels: "dots", verdicts: "dots", suspicion: "scale", influence: "scale" };

class PairMap {
  constructor(root) {
    this.host = root.querySelector(".map");
    this.view = new View();
    this.stage = element("div", "stage");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-label", "Map of the pairs");
    this.canvas = element("canvas", "points");
    this.above = element("canvas", "above");
    this.tip = element("div", "tip");
    this.tip.hidden = true;
    this.said = element("div", "said");
    this.said.setAttribute("aria-live", "polite");
    this.legend = element("div", "legend");
    this.help = element("div", "help", HELP);
    this.help.id = `map-help-${Math.random().toString(36).slice(2)}`;
    this.stage.setAttribute("aria-describedby", this.help.id);
    this.stage.append(this.canvas, this.above, this.tip);
    this.host.replaceChildren(this.toolbar(), this.stage, this.legend, this.help, this.said);
    this.points = new Points(this.canvas);
    this.listen();
    new ResizeObserver(() => this.fit()).observe(this.stage);
  }

  toolbar() {
    const bar = element("div", "toolbar");
    const button = (text, title, act) => {
      const made = element("button", null, text);
      made.type = "button"; made.title = title; made.setAttribute("aria-label", title);
      made.addEventListener("click", act);
      bar.append(made);
      return made;
    };
    this.lassoButton = button("Draw an area", "Drag to draw round points", () => this.setMode(false));
    this.moveButton = button("Move", "Drag to move the map (or hold Space or Shift)", () => this.setMode(true));
    bar.append(element("span", "gap"));
    button("+", "Zoom in", () => this.zoom(1.5));
    button("−", "Zoom out", () => this.zoom(1 / 1.5));
    button("Show all", "Show the whole map", () => this.reset());
    this.clearButton = button("Clear", "Clear the area", () => this.choose(""));
    this.setMode(false);
    return bar;
  }

  setMode(moving) {
    this.moving = moving;
    this.lassoButton.setAttribute("aria-pressed", String(!moving));
    this.moveButton.setAttribute("aria-pressed", String(moving));
    this.stage.classList.toggle("moving", moving);
  }

  update(component) {
    const data = component.data, before = this.data;
    this.component = component;
    this.data = data;
    const dark = isOnDark(this.host);
    this.host.classList.toggle("dark", dark);
    if (!before || before.points !== data.points) {
      const bytes = bytesOf(data.points);
      this.xy = new Uint16Array(bytes.buffer, 0, bytes.length / 2);
      this.about = null;
      this.hovered = -1;
      this.tip.hidden = true;
      unpacked(data.about).then((about) => { if (this.data.about === data.about) this.about = about; });
    }
    const asked = this.asked !== undefined ? this.asked : data.area; // what was drawn here is ahead of Python's word
    if (this.asked === data.area) this.asked = undefined;
    const same = before && before.points === data.points && before.values === data.values && before.palette === data.palette;
    this.dark = dark;
    if (!same || this.wasDark !== dark || asked !== this.area) this.colour(asked);
    this.wasDark = dark;
    this.paintLegend();
    this.fit();
  }

  colour(area) {
    this.area = area;
    this.corners = area ? cornersOf(area) : null;
    const values = bytesOf(this.data.values);
    const chosen = this.corners && Uint8Array.from(values, (_, at) => isInside(this.xy[2 * at], this.xy[2 * at + 1], this.corners));
    this.points.set(this.xy, values, this.data.palette, this.dark, chosen);
    this.clearButton.disabled = !area;
    this.numChosen = chosen ? chosen.reduce((sum, one) => sum + one, 0) : 0;
  }

  paintLegend() {
    const { palette, legend } = this.data, stops = PALETTES[this.dark ? "dark" : "light"][palette];
    this.legend.className = `legend ${KINDS_OF_LEGEND[palette]}`;
    if (isScale(palette)) {
      const ramp = element("i", "ramp");
      ramp.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
      this.legend.replaceChildren(element("span", null, legend[0]), ramp, element("span", null, legend[1]));
      return;
    }
    this.legend.replaceChildren(...legend.map((words, number) => {
      const made = element("span"), dot = element("i", "dot");
      dot.style.background = stops[Math.min(number, stops.length - 1)];
      made.append(dot, document.createTextNode(words));
      return made;
    }));
  }

  fit() {
    const { width, height } = this.stage.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    if (!width || !height) return;
    Object.assign(this.view, { width, height });
    for (const canvas of [this.canvas, this.above]) {
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
    }
    this.draw();
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.points.draw(this.view);
      this.drawAbove();
    });
  }

  drawAbove() {
    const pen = this.above.getContext("2d"), ratio = window.devicePixelRatio || 1, style = getComputedStyle(this.host);
    const ink = style.getPropertyValue("--ink").trim(), ground = style.getPropertyValue("--ground").trim();
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.view.width, this.view.height);
    pen.font = `600 12px ${style.getPropertyValue("--st-font") || "sans-serif"}`;
    pen.textAlign = "center";
    pen.lineJoin = "round";
    for (const { name, x, y } of this.data.names) {
      const [px, py] = this.view.toScreen(x, y);
      pen.lineWidth = 4; pen.strokeStyle = ground; pen.strokeText(name, px, py);
      pen.fillStyle = ink; pen.fillText(name, px, py);
    }
    pen.lineWidth = 2;
    pen.strokeStyle = style.getPropertyValue("--accent").trim();
    if (this.corners) this.outline(pen, this.corners.map(([x, y]) => this.view.toScreen(x, y)), []);
    if (this.path) this.outline(pen, this.path, [5, 4]);
    if (this.box) this.outline(pen, this.boxCorners(), [5, 4]);
    if (this.hovered >= 0) {
      const [px, py] = this.view.toScreen(this.xy[2 * this.hovered], this.xy[2 * this.hovered + 1]);
      pen.strokeStyle = ink;
      pen.beginPath(); pen.arc(px, py, 7, 0, 7); pen.stroke();
    }
  }

  outline(pen, corners, dashes) {
    pen.setLineDash(dashes);
    pen.beginPath();
    corners.forEach(([x, y], at) => (at ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.closePath();
    pen.globalAlpha = 0.08; pen.fillStyle = pen.strokeStyle; pen.fill();
    pen.globalAlpha = 1; pen.stroke();
    pen.setLineDash([]);
  }

  choose(area) {
    this.asked = area;
    this.path = this.box = null;
    this.colour(area);
    this.said.textContent = area ? `${this.numChosen.toLocaleString()} of the points shown are in the area.` : "No area.";
    this.draw();
    this.component.setStateValue("chosen", { area, at: Date.now() }); // the time: the same area again is news after a reload
  }

  zoom(factor, at = [this.view.width / 2, this.view.height / 2]) { this.view.zoomAt(...at, factor); this.draw(); }

  reset() { this.view.zoom = 1; this.view.pan(0, 0); this.draw(); }

  boxCorners() {
    const { x, y, w, h } = this.box;
    return [[x - w, y - h], [x + w, y - h], [x + w, y + h], [x - w, y + h]];
  }

  nearest(px, py) {
    let best = -1, least = NEAR_PIXELS ** 2;
    const [sx, sy] = this.view.scale, [x, y] = this.view.toMap(px, py);
    for (let at = 0; at < this.xy.length / 2; at++) {
      const far = ((this.xy[2 * at] - x) * sx) ** 2 + ((this.xy[2 * at + 1] - y) * sy) ** 2;
      if (far < least) { least = far; best = at; }
    }
    return best;
  }

  hover(px, py) {
    const found = this.nearest(px, py);
    if (found === this.hovered) return;
    this.hovered = found;
    this.tip.hidden = found < 0 || !this.about;
    this.stage.classList.toggle("over", found >= 0);
    if (!this.tip.hidden) {
      const name = this.about.thumbnails[found], parts = [];
      if (THUMB.test(name)) {
        const image = element("img");
        image.alt = "";
        image.src = `/thumb/${encodeURIComponent(this.data.run_id)}/${name}`;
        parts.push(image);
      }
      this.tip.replaceChildren(...parts, element("div", null, this.about.captions[found]));
      const [x, y] = this.view.toScreen(this.xy[2 * found], this.xy[2 * found + 1]);
      this.tip.style.left = `${Math.max(0, Math.min(this.view.width - 172, x + 14))}px`;
      this.tip.style.top = `${Math.max(0, y > this.view.height / 2 ? y - 210 : y + 14)}px`;
    }
    this.draw();
  }
}

export default function (component) {
  instanceOf(component, (root) => new PairMap(root)).update(component);
}
