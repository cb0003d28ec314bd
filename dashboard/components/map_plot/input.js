// Mouse, touch and keys of the map. Loaded after map.js, into the same module.
PairMap.prototype.at = function (event) {
  const { left, top } = this.stage.getBoundingClientRect();
  return [event.clientX - left, event.clientY - top];
};

PairMap.prototype.listen = function () {
  const stage = this.stage;
  stage.addEventListener("pointerdown", (event) => this.down(event));
  stage.addEventListener("pointermove", (event) => this.moved(event));
  stage.addEventListener("pointerup", (event) => this.up(event));
  stage.addEventListener("pointercancel", () => { this.drag = this.path = null; this.draw(); });
  stage.addEventListener("pointerleave", () => { if (!this.drag) this.hover(-1e6, -1e6); });
  stage.addEventListener("wheel", (event) => { // a page that scrolls by is not caught: only once the map is in use
    if (!event.ctrlKey && !this.host.contains(this.host.getRootNode().activeElement)) return;
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 400), this.at(event));
  }, { passive: false });
  stage.addEventListener("keydown", (event) => this.key(event));
  stage.addEventListener("keyup", (event) => { if (event.key === " ") this.space = false; });
  stage.addEventListener("blur", () => { this.space = false; this.box = null; this.draw(); });
};

PairMap.prototype.down = function (event) {
  if (event.button > 1) return;
  this.stage.focus({ preventScroll: true });
  this.stage.setPointerCapture(event.pointerId);
  const place = this.at(event), moving = this.moving || this.space || event.shiftKey || event.button === 1;
  this.drag = { from: place, last: place, moving, far: 0 };
  this.box = null;
  this.path = moving ? null : [place];
};

PairMap.prototype.moved = function (event) {
  const place = this.at(event), drag = this.drag;
  if (!drag) { this.hover(...place); return; }
  drag.far = Math.max(drag.far, Math.hypot(place[0] - drag.from[0], place[1] - drag.from[1]));
  if (drag.moving) {
    const [sx, sy] = this.view.scale;
    this.view.pan((drag.last[0] - place[0]) / sx, (place[1] - drag.last[1]) / sy);
    drag.last = place;
  } else if (Math.hypot(place[0] - drag.last[0], place[1] - drag.last[1]) >= LASSO_STEP) {
    this.path.push(place);
    drag.last = place;
  }
  this.draw();
};

PairMap.prototype.up = function (event) {
  const drag = this.drag, path = this.path;
  this.drag = this.path = null;
  if (!drag) return;
  if (drag.far < CLICK_PIXELS) {
    const found = this.nearest(...this.at(event));
    if (found >= 0 && this.about) this.component.setTriggerValue("opened", this.about.pair_ids[found]);
  } else if (path && path.length > 2) {
    this.choose(areaOf(path.map(([x, y]) => this.view.toMap(x, y))));
    return;
  }
  this.draw();
};

PairMap.prototype.key = function (event) {
  if (event.altKey || event.metaKey || event.ctrlKey) return;
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }, name = event.key;
  if (name in moves) this.moveBox(moves[name], event.shiftKey);
  else if (name === "Enter" && this.box) this.choose(areaOf(this.boxCorners().map(([x, y]) => this.view.toMap(x, y))));
  else if (name === " ") this.space = true;
  else if (name === "+" || name === "=") this.zoom(1.5);
  else if (name === "-" || name === "_") this.zoom(1 / 1.5);
  else if (name === "0") this.reset();
  else if (name === "Escape" && (this.box || this.area)) this.choose("");
  else return;
  event.preventDefault();
  event.stopPropagation();
};

PairMap.prototype.moveBox = function ([dx, dy], resize) {
  const { width, height } = this.view;
  if (!this.box) this.box = { x: width / 2, y: height / 2, w: width / 8, h: height / 8 };
  else if (resize) {
    this.box.w = Math.max(6, Math.min(width / 2, this.box.w * (1 + 0.25 * dx)));
    this.box.h = Math.max(6, Math.min(height / 2, this.box.h * (1 - 0.25 * dy)));
  } else {
    this.box.x = Math.max(0, Math.min(width, this.box.x + dx * this.box.w * 0.5));
    this.box.y = Math.max(0, Math.min(height, this.box.y + dy * this.box.h * 0.5));
  }
  const corners = this.boxCorners().map(([x, y]) => this.view.toMap(x, y));
  let count = 0;
  for (let at = 0; at < this.xy.length / 2; at++) count += isInside(this.xy[2 * at], this.xy[2 * at + 1], corners);
  this.said.textContent = `${count.toLocaleString()} points in the box. Enter chooses them.`;
  this.draw();
};
