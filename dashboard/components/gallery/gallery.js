// A grid of pairs that is looked through and decided by keyboard, mouse or touch.
const MOST_SECONDS = 600;
const SELECTION_TOLD_AFTER_MS = 250, SAVING_SAID_AFTER_MS = 1_500;
const SIZES = ["small", "medium", "large"], SIZE_STORED = "ecif-gallery-size";
const ROOM_ABOVE_PIXELS = 60; // Streamlit's own line lies over the top of the page
const lastFocused = new Map(); // component key → pair_id: the place kept when a page is left and found again
const inReview = new Set(); // pairs sent to the queue from this tab

let log = null;
let holder = null; // component key of the gallery that has the focus, or had it when it was taken off the page

class Gallery {
  constructor(root, data) {
    this.root = root;
    this.host = root.querySelector(".gallery");
    this.tiles = new Map();
    this.data = data;
    this.focused = lastFocused.get(data.key) || null;
    this.focusedAt = performance.now();
    this.hasMoved = false; // since the last act: then undo means the tile moved to
    this.turn = new PageTurn(this);
    this.acts = new Acts(data.key);
    this.grid = element("div", "grid");
    this.said = element("div", "said");
    this.said.setAttribute("aria-live", "polite");
    this.selection = new Selection(() => this.selectionChanged());
    this.bar = new SelectionBar({
      choose: (verdict) => this.chooseByKey(verdict),
      queue: () => this.sendToReview(this.chosen(), true),
      clear: () => { this.selection.clear(); this.focusTile(this.focused); },
    });
    this.host.replaceChildren(this.topLine(), this.grid, this.bar.node, this.said);
    this.zoom = new Zoom(this);
    this.help = new Help(this.host, () => this.focusTile(this.focused));
    this.courier = new Courier(log, (letter) => this.deliver(letter), (number) => this.tellSaving(number));
    this.host.addEventListener("keydown", (event) => onKey(this, event));
    this.host.addEventListener("focusin", () => { holder = this.data.key; });
    this.host.addEventListener("focusout", (event) => {
      if (this.host.contains(event.relatedTarget)) return;
      if (event.relatedTarget && !event.relatedTarget.closest('[role="dialog"]')) holder = null;
      this.tellSelection(0);
    });
    this.resize(0);
  }

  topLine() {
    this.top = element("div", "bar-line");
    this.legend = element("span", "legend");
    for (const [kind, text] of [["hurts", "hurts"], ["helps", "helps"]]) {
      const part = element("span");
      part.append(element("i", kind), document.createTextNode(text));
      this.legend.append(part);
    }
    this.saving = element("span", "saving");
    this.saving.setAttribute("role", "status");
    this.sizes = element("span", "sizes");
    this.sizes.setAttribute("role", "group");
    this.sizes.setAttribute("aria-label", "Size of the tiles");
    for (const size of SIZES) {
      const one = button(size, `${size[0].toUpperCase()}${size.slice(1)} tiles`, { press: () => this.resize(SIZES.indexOf(size) - this.size) });
      one.append(element("i"));
      this.sizes.append(one);
    }
    this.keysButton = element("button", "keys-button", "? Keys");
    this.keysButton.type = "button";
    this.keysButton.addEventListener("click", () => this.help.show(this.data));
    this.top.append(this.legend, this.saving, this.sizes, this.keysButton);
    return this.top;
  }

  update(component) {
    const isFirst = !this.component;
    this.component = component;
    this.data = component.data;
    this.courier.hear(this.data);
    this.host.classList.toggle("dark", isOnDark(this.host));
    this.keysButton.hidden = !this.data.decide;
    this.sizes.hidden = this.data.tiles.length < 7;
    this.legend.hidden = !this.data.tiles.some((tile) => typeof tile.influence_positive === "number");
    this.top.hidden = this.keysButton.hidden && this.legend.hidden && this.sizes.hidden;
    this.grid.setAttribute("role", this.data.decide ? "grid" : "list");
    this.grid.setAttribute("aria-label", this.data.decide ? "Pairs to decide" : "Pairs");
    if (this.data.decide) this.grid.setAttribute("aria-multiselectable", "true");
    const active = this.root.activeElement, hadFocus = this.grid.contains(active);
    const before = [...this.tiles.keys()].indexOf(this.focused);
    this.place();
    const order = this.order(), hasTurned = this.turn.hasCome();
    if (hasTurned) this.turn.arrive();
    else if (!this.tiles.has(this.focused)) this.setFocused(order[Math.max(0, Math.min(before, order.length - 1))] ?? null);
    else this.setFocused(this.focused);
    if (hadFocus && !hasTurned && this.root.activeElement !== active) {
      if (this.grid.contains(active)) active.focus({ preventScroll: true }); else this.focusTile(this.focused);
    }
    if (this.data.decide && document.activeElement === document.body && (isFirst || holder === this.data.key)) this.takeFocus();
    if (this.zoom.isOpen) this.zoom.paint();
    prefetch(this.data.prefetch);
  }

  // Brings the tiles on screen in line with Python's, by id; what stays the same is not touched.
  place() {
    const order = this.order(), wanted = new Set(order);
    for (const [id, view] of this.tiles) if (!wanted.has(id)) { view.node.remove(); this.tiles.delete(id); }
    const hands = {
      open: (id) => this.open(id), press: (id, event) => this.press(id, event), choose: (id, verdict) => this.choose(id, verdict),
      toggle: (id) => { this.selection.toggle(id); this.focusTile(id); }, focused: (id) => this.setFocused(id),
    };
    this.data.tiles.forEach((tile, position) => {
      let view = this.tiles.get(tile.pair_id);
      const writing = view && view.node.querySelector(".editor");
      if (!view || (view.fixed !== fixedPart(tile, this.data) && !writing)) {
        const made = new TileView(tile, this.data, position, hands);
        if (view) view.node.replaceWith(made.node);
        view = made;
        this.tiles.set(tile.pair_id, view);
      }
      view.tile = tile;
      if (this.grid.children[position] !== view.node) this.grid.insertBefore(view.node, this.grid.children[position] || null);
      this.paint(tile.pair_id);
    });
    this.selection.keep(order);
  }

  // The keys work at once on a page that was just opened, if its tiles are in sight and nothing else has the focus.
  takeFocus() {
    const view = this.tiles.get(this.focused);
    if (view && holder === this.data.key) view.node.focus({ preventScroll: true }); // as after a restart of the server
    else if (view && matchMedia("(hover: hover)").matches && this.isInSight(view.node)) view.node.focus({ preventScroll: true });
  }

  // `least`: pixels of it that must be seen; 0 for all of it.
  isInSight(node, least = 40) {
    const { top, bottom } = node.getBoundingClientRect();
    if (!least) return top >= ROOM_ABOVE_PIXELS && bottom <= window.innerHeight;
    return bottom > ROOM_ABOVE_PIXELS + least && top < window.innerHeight - least;
  }

  // What stands for a tile: Python's word, overlaid with what Python has not acknowledged yet.
  standing(tile) {
    const all = [{ verdict: tile.verdict || null, caption: tile.new_caption || null }];
    for (const entry of log.of(tile.pair_id)) {
      if (entry.verdict === "undo") { all.pop(); if (!all.length) all.push({ verdict: null, caption: null }); }
      else if (entry.verdict !== "queue") all.push({ verdict: entry.verdict, caption: entry.new_caption });
    }
    return all.at(-1);
  }

  paint(id) {
    const view = this.tiles.get(id);
    if (view) view.paint(this.standing(view.tile), this.selection.has(id), inReview.has(id));
  }

  say(text) { this.said.textContent = text; }

  order() { return this.data.tiles.map((tile) => tile.pair_id); }

  columns() { return getComputedStyle(this.grid).gridTemplateColumns.split(" ").length; }

  setFocused(id) {
    lastFocused.set(this.data.key, id);
    const reached = this.tiles.get(this.reachedByTab)?.node, node = this.tiles.get(id)?.node;
    if (this.focused !== id) { this.focused = id; this.focusedAt = performance.now(); }
    if (reached && reached !== node) reached.tabIndex = -1;
    if (node && node.tabIndex !== 0) node.tabIndex = 0;
    this.reachedByTab = id;
  }

  focusTile(id) {
    const view = this.tiles.get(id);
    if (!view) return;
    this.setFocused(id);
    view.node.focus({ preventScroll: true });
    if (!this.isInSight(view.node, 0)) view.node.scrollIntoView({ block: "nearest" });
  }

  move(step, isExtending) {
    const order = this.order(), at = order.indexOf(this.focused);
    const next = order[Math.max(0, Math.min(order.length - 1, at + step))];
    if (isExtending && this.data.decide) this.selection.extend(order, this.focused, next);
    else this.selection.anchor = null;
    this.hasMoved = true;
    this.focusTile(next);
  }

  // A click: with Shift or Ctrl it selects, and while some are selected the picture does as well; else the picture opens.
  press(id, event) {
    const isPicture = event.target.closest(".frame") || !this.data.decide;
    this.hasMoved = true;
    if (this.data.decide && event.shiftKey) this.selection.extend(this.order(), this.focused, id);
    else if (this.data.decide && (event.ctrlKey || event.metaKey || (isPicture && this.selection.size))) this.selection.toggle(id);
    else if (isPicture) { this.open(id); return; }
    this.focusTile(id);
  }

  chosen() {
    const order = this.order();
    return this.selection.size ? order.filter((id) => this.selection.has(id)) : [this.focused];
  }

  choose(id, verdict) {
    if (verdict === "relabel") { this.edit([id], this.tiles.get(id).node); return; }
    this.record([id], verdict, null);
    this.focusTile(id);
  }

  chooseByKey(verdict) {
    const ids = this.chosen(), view = this.tiles.get(this.focused);
    if (this.turn.isOn) { this.say("The page is turning."); return; } // nobody has seen what comes
    if (!this.selection.size && (!view || !this.isInSight(view.node))) { this.focusTile(this.focused); return; }
    if (verdict === "relabel") { this.edit(ids, this.selection.size ? this.bar.place : view.node); return; }
    this.record(ids, verdict, null);
    this.selection.clear();
    this.focusTile(this.nextOpen(ids));
  }

  // The next tile without a verdict after the last of `ids`; without any, the next one.
  nextOpen(ids) {
    const order = this.order(), at = order.indexOf(ids.at(-1));
    const after = [...order.slice(at + 1), ...order.slice(0, at)];
    const next = after.find((other) => !this.standing(this.tiles.get(other).tile).verdict);
    return next || order[Math.min(at + 1, order.length - 1)];
  }

  // One act on one or several pairs: painted now, sent soon.
  record(ids, verdict, caption, isUndo = false) {
    const seconds = Math.min(MOST_SECONDS, (performance.now() - this.focusedAt) / 1000) / ids.length;
    const shared = { verdict, new_caption: caption, decided_at: new Date().toISOString(), seconds_spent: Math.round(seconds * 100) / 100 };
    log.add(ids.map((id) => ({ pair_id: id, ...shared })));
    this.focusedAt = performance.now();
    this.hasMoved = false;
    if (!isUndo && verdict !== "queue") this.acts.add(ids);
    ids.forEach((id) => this.paint(id));
    const decided = this.data.tiles.filter((tile) => this.standing(tile).verdict).length;
    const whom = ids.length > 1 ? ` ${ids.length} pairs` : "";
    this.say(verdict === "queue" ? `Sent to review:${whom || " 1 pair"}.` : `${PAST[verdict]}${whom}. ${decided} decided on this page.`);
    this.courier.soon();
  }

  // Takes back the decision on the tile that was moved to, else the last act as a whole; gives the pair to look at.
  undo() {
    const isDecided = (id) => this.tiles.has(id) && Boolean(this.standing(this.tiles.get(id).tile).verdict);
    let ids = this.hasMoved && isDecided(this.focused) ? [this.focused] : null;
    ids ??= this.acts.takeLast((id) => !this.tiles.has(id) || isDecided(id));
    if (!ids && isDecided(this.focused)) ids = [this.focused];
    if (!ids) { this.say("Nothing to undo."); return null; }
    this.record(ids, "undo", null, true);
    const here = ids.find((id) => this.tiles.has(id));
    if (!here) this.say(`Undone on another page: ${ids.length}.`);
    else if (!this.zoom.isOpen) this.focusTile(here);
    return here;
  }

  proposedCaption(id) {
    const { tile } = this.tiles.get(id);
    return this.standing(tile).caption || tile.suggested_caption || tile.caption;
  }

  edit(ids, place) {
    if (place.querySelector(".editor")) return;
    const captions = new Set(ids.map((id) => this.tiles.get(id).tile.caption));
    const { editor, begin } = captionEditor({
      label: ids.length > 1 ? `One caption for all ${ids.length} selected pairs` : "The caption that fits the picture",
      text: ids.length === 1 ? this.proposedCaption(ids[0]) : captions.size === 1 ? [...captions][0] : "",
      save: (text) => { this.record(ids, "relabel", text); this.selection.clear(); this.focusTile(this.nextOpen(ids)); },
      leave: () => this.focusTile(this.focused),
    });
    place.append(editor);
    begin();
  }

  sendToReview(ids, moves = false) {
    if (!this.data.queues || this.turn.isOn) return;
    ids.forEach((id) => inReview.add(id));
    this.record(ids, "queue", null);
    this.selection.clear();
    const order = this.order();
    if (moves) this.focusTile(order[Math.min(order.indexOf(ids.at(-1)) + 1, order.length - 1)]);
  }

  open(id) {
    this.courier.flush();
    this.component.setTriggerValue("opened", id);
  }

  // Steps through the sizes; the choice is kept in this browser.
  resize(by) {
    const stored = SIZES.indexOf(readStored(SIZE_STORED));
    this.size = Math.max(0, Math.min(SIZES.length - 1, (stored < 0 ? 1 : stored) + by));
    if (by) try { localStorage.setItem(SIZE_STORED, SIZES[this.size]); } catch { /* then it holds for this page */ }
    this.grid.className = `grid ${SIZES[this.size]}`;
    [...this.sizes.children].forEach((one, at) => one.setAttribute("aria-pressed", String(at === this.size)));
  }

  selectionChanged() {
    for (const id of this.tiles.keys()) this.paint(id);
    const { size } = this.selection;
    this.host.classList.toggle("selecting", size > 0);
    this.bar.paint(size, this.data.tiles.length, this.data.queues);
    if (size) this.say(`${size} selected.`);
    this.tellSelection(SELECTION_TOLD_AFTER_MS);
  }

  // Python learns of the selection when it has come to rest, or when the person turns to another part of the page.
  tellSelection(afterMs) {
    clearTimeout(this.selectionTimer);
    const tell = () => {
      const selected = this.order().filter((id) => this.selection.has(id)), said = selected.join("\n");
      if (said === (this.selectionSaid || "") || !this.host.isConnected) return;
      this.selectionSaid = said;
      this.component.setStateValue("selected", selected);
    };
    if (afterMs) this.selectionTimer = setTimeout(tell, afterMs); else tell();
  }

  deliver(letter) {
    if (this.host.isConnected) this.component.setStateValue("log", letter);
    else this.courier.stop(); // the next page with a gallery takes the log over
  }

  tellSaving(number) {
    if (number) {
      this.savingTimer ??= setTimeout(() => {
        this.saving.textContent = `${log.entries.length} not stored yet – kept in this tab and sent again`;
      }, SAVING_SAID_AFTER_MS);
      return;
    }
    clearTimeout(this.savingTimer);
    this.savingTimer = null;
    this.saving.textContent = "";
  }
}

function readStored(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

export default function (component) {
  log ??= new Log();
  instanceOf(component, (root, data) => new Gallery(root, data)).update(component);
}
