// A grid of pairs that is looked through and decided by keyboard, mouse or touch.
const VERDICTS = [["keep", "Keep", "1"], ["drop", "Drop", "2"], ["relabel", "Relabel", "3"], ["unsure", "Unsure", "4"]];
const PAST = { keep: "Kept", drop: "Dropped", relabel: "Relabelled", unsure: "Unsure", undo: "Undone" };
const KEYS = [
  ["← ↑ → ↓", "move"], ["1", "keep"], ["2", "drop"], ["3 or R", "relabel: write the right caption"], ["4", "unsure"],
  ["U, ⌫ or Ctrl+Z", "undo"], ["Enter", "open the pair"], ["?", "show or hide these keys"],
];
const MOST_SECONDS = 600;
const instances = new WeakMap();
const lastFocused = new Map(); // component key → pair_id: the place kept when a page is left and found again

let log = null;

class Gallery {
  constructor(root, data) {
    this.root = root;
    this.host = root.querySelector(".gallery");
    this.tiles = new Map();
    this.sent = null;
    this.focused = lastFocused.get(data.key) || null;
    this.focusedAt = performance.now();
    this.lastDecided = [];
    this.top = element("div", "bar-line");
    const legend = element("span", "legend");
    for (const [kind, text] of [["hurts", "hurts"], ["helps", "helps"]]) {
      const item = element("span");
      item.append(element("i", kind), document.createTextNode(text));
      legend.append(item);
    }
    this.keysButton = element("button", "keys-button", "? Keys");
    this.keysButton.type = "button";
    this.keysButton.addEventListener("click", () => this.toggleKeys());
    this.legend = legend;
    this.top.append(legend, this.keysButton);
    this.grid = element("div", "grid");
    this.grid.setAttribute("role", "list");
    this.said = element("div", "said");
    this.said.setAttribute("aria-live", "polite");
    this.host.replaceChildren(this.top, this.grid, this.said);
    this.host.addEventListener("keydown", (event) => this.key(event));
  }

  update(component) {
    this.component = component;
    this.data = component.data;
    log.acknowledge(this.data.acknowledged);
    const ground = getComputedStyle(this.host).getPropertyValue("--st-background-color") || "#fff";
    this.host.classList.toggle("dark", isDark(ground.trim()));
    this.keysButton.hidden = !this.data.decide;
    this.legend.hidden = !this.data.tiles.some((tile) => typeof tile.influence_positive === "number");
    this.top.hidden = this.keysButton.hidden && this.legend.hidden;
    const wanted = new Set(this.data.tiles.map((tile) => tile.pair_id));
    const active = this.root.activeElement, hadFocus = this.grid.contains(active);
    const before = [...this.tiles.keys()].indexOf(this.focused);
    for (const [id, view] of this.tiles) if (!wanted.has(id)) { view.node.remove(); this.tiles.delete(id); }
    this.data.tiles.forEach((tile, position) => {
      let view = this.tiles.get(tile.pair_id);
      const writing = view && view.node.querySelector(".editor");
      if (!view || (view.fixed !== fixedPart(tile, this.data) && !writing)) {
        const made = this.build(tile);
        if (view) view.node.replaceWith(made.node);
        view = made;
        this.tiles.set(tile.pair_id, view);
      }
      view.tile = tile;
      if (this.grid.children[position] !== view.node) this.grid.insertBefore(view.node, this.grid.children[position] || null);
      this.paint(view);
    });
    const order = this.order();
    if (!this.tiles.has(this.focused)) this.setFocused(order[Math.max(0, Math.min(before, order.length - 1))] ?? null);
    else this.setFocused(this.focused);
    if (hadFocus && this.root.activeElement !== active) {
      if (this.grid.contains(active)) active.focus({ preventScroll: true }); else this.focusTile(this.focused);
    }
    if (this.data.decide && log.entries.length && log.last() !== this.sent) this.send(); // left by another page or load
  }

  build(tile) {
    const node = element("article", "tile");
    node.setAttribute("role", "listitem");
    node.setAttribute("aria-label", tile.caption);
    node.dataset.pair = tile.pair_id;
    const frame = element("button", "frame");
    frame.type = "button"; frame.tabIndex = -1; frame.title = "Open this pair";
    frame.setAttribute("aria-label", "Open this pair");
    frame.append(picture(tile.thumbnail_url));
    const magnifier = element("span", "magnifier");
    magnifier.append(icon("open"));
    frame.append(magnifier);
    if (this.data.decide) frame.addEventListener("click", () => this.open(tile.pair_id));
    else node.addEventListener("click", () => this.open(tile.pair_id));
    node.classList.toggle("whole", !this.data.decide);
    if (tile.rank) frame.append(element("span", "rank", `#${tile.rank}`));
    const stamp = element("span", "stamp");
    frame.append(stamp);
    const body = element("div", "body"), chips = element("div", "chips");
    if (tile.label) chips.append(element("span", "chip label", tile.label));
    for (const badge of tile.badges || []) chips.append(element("span", "chip", badge));
    const caption = element("div", "caption", tile.caption);
    caption.title = tile.caption;
    const newCaption = element("div", "new-caption");
    const roles = element("div", "roles");
    for (const [name, value] of [["own match", tile.influence_positive], ["as a negative", tile.influence_negative]]) {
      if (value === null || value === undefined) continue;
      roles.append(element("span", "name", name), track(name, value, this.data.bar_scale));
    }
    body.append(caption, newCaption);
    if (tile.why) {
      const why = element("div", "why", tile.why);
      why.title = tile.why_in_full;
      body.append(why);
    }
    body.append(chips, roles);
    node.append(frame, body);
    const buttons = {};
    if (this.data.decide) {
      const row = element("div", "buttons");
      for (const [verdict, word, key] of VERDICTS) {
        const button = element("button", verdict);
        button.append(icon(verdict), element("kbd", null, key), element("span", "word", word));
        button.type = "button"; button.tabIndex = -1; button.title = `${word} (key ${key})`;
        button.setAttribute("aria-keyshortcuts", key); button.setAttribute("aria-label", word);
        button.addEventListener("click", () => this.choose(tile.pair_id, verdict, false));
        buttons[verdict] = button;
        row.append(button);
      }
      node.append(row);
    }
    node.addEventListener("focusin", () => this.setFocused(tile.pair_id));
    return { node, stamp, newCaption, buttons, tile, fixed: fixedPart(tile, this.data) };
  }

  // What stands for a tile: Python's word, overlaid with what Python has not acknowledged yet.
  standing(tile) {
    let now = { verdict: tile.verdict || null, caption: tile.new_caption || null };
    for (const entry of log.entries) {
      if (entry.pair_id !== tile.pair_id) continue;
      now = entry.verdict === "undo" ? { verdict: null, caption: null } : { verdict: entry.verdict, caption: entry.new_caption };
    }
    return now;
  }

  paint(view) {
    const { verdict, caption } = this.standing(view.tile);
    view.node.classList.toggle("decided", Boolean(verdict));
    view.stamp.hidden = !verdict;
    view.stamp.className = `stamp ${verdict || ""}`;
    if (verdict) view.stamp.replaceChildren(icon(verdict), element("span", null, PAST[verdict]));
    view.newCaption.hidden = !caption;
    view.newCaption.textContent = caption ? `→ ${caption}` : "";
    view.node.setAttribute("aria-label", [PAST[verdict], view.tile.caption].filter(Boolean).join(": "));
    for (const [name, button] of Object.entries(view.buttons)) {
      button.classList.toggle("on", name === verdict);
      button.setAttribute("aria-pressed", String(name === verdict));
    }
  }

  setFocused(id) {
    lastFocused.set(this.data.key, id);
    if (this.focused !== id) { this.focused = id; this.focusedAt = performance.now(); }
    for (const [other, view] of this.tiles) view.node.tabIndex = other === id ? 0 : -1;
  }

  focusTile(id) {
    const view = this.tiles.get(id);
    if (!view) return;
    this.setFocused(id);
    view.node.focus({ preventScroll: true });
    view.node.scrollIntoView({ block: "nearest" });
  }

  order() { return this.data.tiles.map((tile) => tile.pair_id); }

  move(step) {
    const order = this.order(), at = order.indexOf(this.focused);
    const next = Math.max(0, Math.min(order.length - 1, at + step));
    this.focusTile(order[next]);
  }

  columns() { return getComputedStyle(this.grid).gridTemplateColumns.split(" ").length; }

  choose(id, verdict, byKey) {
    if (!this.data.decide) return;
    if (verdict === "relabel") { this.edit(id); return; }
    this.record(id, verdict, null);
    if (byKey) this.nextOpen(id); else this.focusTile(id);
  }

  nextOpen(id) {
    const order = this.order(), at = order.indexOf(id);
    const after = [...order.slice(at + 1), ...order.slice(0, at)];
    const next = after.find((other) => !this.standing(this.tiles.get(other).tile).verdict);
    this.focusTile(next || order[Math.min(at + 1, order.length - 1)]);
  }

  record(id, verdict, caption) {
    const seconds = Math.min(MOST_SECONDS, (performance.now() - this.focusedAt) / 1000);
    log.add({ pair_id: id, verdict, new_caption: caption, decided_at: new Date().toISOString(), seconds_spent: Math.round(seconds * 100) / 100 });
    this.focusedAt = performance.now();
    if (verdict !== "undo") this.lastDecided.push(id);
    this.paint(this.tiles.get(id));
    const decided = this.data.tiles.filter((tile) => this.standing(tile).verdict).length;
    this.said.textContent = `${PAST[verdict]}. ${decided} decided on this page.`;
    this.send();
  }

  undo(id) {
    let target = id && this.tiles.has(id) && this.standing(this.tiles.get(id).tile).verdict ? id : null;
    while (!target && this.lastDecided.length) {
      const last = this.lastDecided.pop();
      if (this.tiles.has(last) && this.standing(this.tiles.get(last).tile).verdict) target = last;
    }
    if (target) { this.record(target, "undo", null); this.focusTile(target); }
  }

  edit(id) {
    const view = this.tiles.get(id);
    if (view.node.querySelector(".editor")) return;
    const editor = element("div", "editor"), area = element("textarea"), row = element("div");
    area.setAttribute("aria-label", "The caption that fits the picture");
    area.maxLength = 10000;
    area.value = this.standing(view.tile).caption || view.tile.suggested_caption || view.tile.caption;
    const save = element("button", "save", "Save"), cancel = element("button", null, "Cancel");
    save.type = cancel.type = "button";
    const close = () => { editor.remove(); this.focusTile(id); };
    const done = () => {
      const text = area.value.trim();
      if (!text) { area.focus(); return; }
      editor.remove();
      this.record(id, "relabel", text);
      this.nextOpen(id);
    };
    save.addEventListener("click", done);
    cancel.addEventListener("click", close);
    area.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.isComposing) return; // Enter that ends the writing of a character does not save
      if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); done(); }
      if (event.key === "Escape") { event.preventDefault(); close(); }
    });
    row.append(save, cancel);
    editor.append(area, row);
    view.node.append(editor);
    area.focus();
    area.select();
  }

  open(id) { this.component.setTriggerValue("opened", id); }

  send() {
    this.sent = log.last();
    this.component.setStateValue("log", log.entries.slice());
  }

  toggleKeys() {
    const shown = this.host.querySelector(".overlay");
    if (shown) { shown.remove(); this.focusTile(this.focused); return; }
    const overlay = element("div", "overlay"), box = element("div"), list = element("dl");
    for (const [key, what] of KEYS) list.append(element("dt", null, key), element("dd", null, what));
    box.append(element("h3", null, "Keys"), list);
    box.setAttribute("role", "dialog"); box.setAttribute("aria-modal", "true"); box.setAttribute("aria-label", "Keys");
    box.tabIndex = -1;
    overlay.append(box);
    overlay.addEventListener("click", () => this.toggleKeys());
    this.host.append(overlay);
    box.focus({ preventScroll: true });
  }

  key(event) {
    const name = event.key.toLowerCase();
    if (this.host.querySelector(".overlay")) { // nobody decides what lies under the overlay
      event.stopPropagation();
      if (["escape", "?", "enter"].includes(name)) { this.toggleKeys(); event.preventDefault(); }
      return;
    }
    const undo = name === "backspace" || name === "u" || ((event.ctrlKey || event.metaKey) && name === "z");
    if (!undo && (event.ctrlKey || event.metaKey || event.altKey)) return;
    const inButton = event.composedPath()[0].closest && event.composedPath()[0].closest(".buttons, .editor, .keys-button");
    const decided = VERDICTS.find(([, , key]) => key === name) || (name === "r" ? VERDICTS[2] : null);
    const moves = { arrowleft: -1, arrowright: 1, arrowup: -this.columns(), arrowdown: this.columns() };
    const held = event.repeat && (undo || decided || name === "enter"); // a key held down decides once
    if (held) { /* nothing */ }
    else if (undo) { if (this.data.decide) this.undo(this.focused); }
    else if (decided) this.choose(this.focused, decided[0], true);
    else if (name in moves) this.move(moves[name]);
    else if (name === "enter" && !inButton) this.open(this.focused);
    else if (name === "?" && this.data.decide) this.toggleKeys();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function fixedPart(tile, data) {
  const { verdict, new_caption, ...rest } = tile;
  return JSON.stringify([rest, data.bar_scale, data.decide]);
}

export default function (component) {
  log ??= new Log();
  let instance = instances.get(component.parentElement);
  if (!instance) { instance = new Gallery(component.parentElement, component.data); instances.set(component.parentElement, instance); }
  instance.update(component);
}
