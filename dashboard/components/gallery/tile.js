// One tile: a picture, its caption, why it is suspected, what it does, and the buttons that decide it.
const VERDICTS = [["keep", "Keep", "K"], ["drop", "Drop", "D"], ["relabel", "Relabel", "L"], ["unsure", "Unsure", "U"]];
const PAST = { keep: "Kept", drop: "Dropped", relabel: "Relabelled", unsure: "Unsure", undo: "Undone" };
const NUM_EAGER = 60; // pictures loaded before they are scrolled to
const LONG_PRESS_MS = 450, MOST_DRIFT_PIXELS = 10;

function fixedPart(tile, data) {
  const { verdict, new_caption, ...rest } = tile;
  return JSON.stringify([rest, data.bar_scale, data.decide]);
}

class TileView {
  // `hands`: open(id), press(id, event), toggle(id), choose(id, verdict), focused(id).
  constructor(tile, data, position, hands) {
    this.tile = tile;
    this.fixed = fixedPart(tile, data);
    this.buttons = {};
    this.node = element("div", "tile");
    this.node.tabIndex = -1;
    this.node.dataset.pair = tile.pair_id;
    this.node.setAttribute("role", data.decide ? "row" : "listitem");
    this.node.classList.toggle("whole", !data.decide);
    const cell = element("div", "cell");
    if (data.decide) cell.setAttribute("role", "gridcell");
    cell.append(this.frame(data, position, hands), this.body(data));
    if (data.decide) {
      this.check = button("check", "Select this pair", { symbol: "keep", press: () => hands.toggle(tile.pair_id) });
      this.check.tabIndex = -1;
      cell.append(this.check, this.verdicts(hands));
      this.onLongPress(() => hands.toggle(tile.pair_id));
      this.node.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); }); // marks no text
    }
    this.node.append(cell);
    this.node.addEventListener("click", (event) => {
      if (this.wasLongPress) { this.wasLongPress = false; return; }
      if (!event.target.closest(".check, .buttons, .editor")) hands.press(tile.pair_id, event);
    });
    this.node.addEventListener("focusin", () => hands.focused(tile.pair_id));
  }

  frame(data, position, hands) {
    const frame = button("frame", "Open this pair", { press: () => {} }); // its click is the tile's
    frame.tabIndex = -1;
    const magnifier = element("span", "magnifier");
    magnifier.append(icon("open"));
    this.stamp = element("span", "stamp");
    this.queued = element("span", "queued", "In review");
    frame.append(picture(this.tile.thumbnail_url, position < NUM_EAGER), magnifier);
    if (this.tile.rank) frame.append(element("span", "rank", `#${this.tile.rank}`));
    frame.append(this.stamp, this.queued);
    return frame;
  }

  body(data) {
    const { tile } = this;
    const body = element("div", "body"), chips = element("div", "chips"), roles = element("div", "roles");
    const caption = element("div", "caption", tile.caption);
    caption.title = tile.caption;
    caption.dir = "auto";
    this.newCaption = element("div", "new-caption");
    this.newCaption.dir = "auto";
    if (tile.label) chips.append(element("span", "chip label", tile.label));
    for (const badge of tile.badges || []) chips.append(element("span", "chip", badge));
    for (const [name, value] of [["own match", tile.influence_positive], ["as a negative", tile.influence_negative]]) {
      if (value === null || value === undefined) continue;
      roles.append(element("span", "name", name), track(name, value, data.bar_scale));
    }
    body.append(caption, this.newCaption);
    if (tile.why) {
      const why = element("div", "why", tile.why);
      why.title = tile.why_in_full;
      body.append(why);
    }
    body.append(chips, roles);
    return body;
  }

  verdicts(hands) {
    const row = element("div", "buttons");
    for (const [verdict, word, key] of VERDICTS) {
      const press = () => hands.choose(this.tile.pair_id, verdict);
      this.buttons[verdict] = button(verdict, word, { symbol: verdict, key, word, press });
      this.buttons[verdict].tabIndex = -1;
      row.append(this.buttons[verdict]);
    }
    return row;
  }

  // A finger that rests on a tile selects it; one that moves is scrolling.
  onLongPress(act) {
    let timer = null, from = null;
    const stop = () => clearTimeout(timer);
    this.node.addEventListener("pointerdown", (event) => {
      this.wasLongPress = false;
      if (event.pointerType === "mouse" || event.target.closest(".buttons, .editor, .check")) return;
      from = event;
      timer = setTimeout(() => { this.wasLongPress = true; act(); }, LONG_PRESS_MS);
    });
    this.node.addEventListener("pointermove", (event) => {
      if (from && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) > MOST_DRIFT_PIXELS) stop();
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) this.node.addEventListener(end, stop);
    this.node.addEventListener("contextmenu", (event) => { if (this.wasLongPress) event.preventDefault(); });
  }

  paint({ verdict, caption }, isSelected, isQueued) {
    const shows = JSON.stringify([verdict, caption, isSelected, isQueued]);
    if (this.shows === shows) return; // what is not touched is not painted again
    this.shows = shows;
    const { node, stamp } = this;
    node.classList.toggle("decided", Boolean(verdict));
    stamp.hidden = !verdict;
    stamp.className = `stamp ${verdict || ""}`;
    stamp.replaceChildren(...(verdict ? [icon(verdict), element("span", null, PAST[verdict])] : []));
    this.queued.hidden = !isQueued;
    this.newCaption.hidden = !caption;
    this.newCaption.textContent = caption ? `→ ${caption}` : "";
    node.setAttribute("aria-label", [PAST[verdict], this.tile.caption].filter(Boolean).join(": "));
    for (const [name, one] of Object.entries(this.buttons)) {
      one.classList.toggle("on", name === verdict);
      one.setAttribute("aria-pressed", String(name === verdict));
    }
    if (!this.check) return;
    node.classList.toggle("selected", isSelected);
    node.setAttribute("aria-selected", String(isSelected));
    this.check.setAttribute("aria-pressed", String(isSelected));
  }
}
