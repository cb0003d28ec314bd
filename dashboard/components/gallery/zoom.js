// One pair, large, over the page: looked at and decided without losing the place in the grid.
class Zoom {
  constructor(gallery) {
    this.gallery = gallery;
    this.id = null;
    this.dialog = element("dialog", "zoom");
    this.dialog.setAttribute("aria-label", "The pair, large");
    this.figure = element("div", "figure");
    this.side = element("div", "side");
    const step = (name, symbol, by) => button(`step ${symbol}`, name, { symbol, press: () => this.step(by) });
    this.steps = [step("The pair before", "back", -1), step("The next pair", "on", 1)];
    const close = button("close", "Close", { symbol: "drop", press: () => this.dialog.close() });
    this.place = element("div", "count");
    this.words = element("div", "words");
    this.decide = element("div", "buttons");
    this.writing = element("div", "writing");
    for (const [verdict, word, key] of VERDICTS) {
      this.decide.append(button(verdict, word, { symbol: verdict, key, word, press: () => this.choose(verdict) }));
    }
    this.side.append(this.place, this.words, this.writing, this.decide);
    this.dialog.append(this.figure, ...this.steps, this.side, close);
    this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
    this.dialog.addEventListener("close", () => { this.writing.replaceChildren(); gallery.focusTile(this.id); });
    gallery.host.append(this.dialog);
  }

  get isOpen() { return this.dialog.open; }

  show(id) {
    const view = this.gallery.tiles.get(id);
    if (!view) return;
    this.id = id;
    this.gallery.setFocused(id);
    this.writing.replaceChildren();
    this.figure.replaceChildren(this.large(view.tile));
    this.paint();
    if (!this.isOpen) this.dialog.showModal();
    this.dialog.tabIndex = -1;
    this.dialog.focus({ preventScroll: true });
  }

  // The thumbnail, which is at hand, until the large picture has come.
  large(tile) {
    const shown = picture(tile.thumbnail_url, true);
    if (PICTURE.test(tile.picture_url || "")) {
      const image = new Image();
      image.alt = "";
      image.addEventListener("load", () => { if (shown.isConnected) shown.replaceWith(image); });
      image.src = tile.picture_url;
    }
    return shown;
  }

  paint() {
    const { gallery, id } = this, view = gallery.tiles.get(id);
    if (!view) { if (this.isOpen) this.dialog.close(); return; }
    const { verdict, caption } = gallery.standing(view.tile), order = gallery.order(), at = order.indexOf(id);
    this.place.textContent = `${at + 1} of ${order.length}`;
    this.steps[0].disabled = at === 0;
    this.steps[1].disabled = at === order.length - 1;
    const stamp = element("span", `stamp ${verdict || ""}`, verdict ? PAST[verdict] : "Not decided");
    const words = element("p", "caption", view.tile.caption);
    words.dir = "auto";
    this.words.replaceChildren(stamp, words);
    if (caption) this.words.append(element("p", "new-caption", `→ ${caption}`));
    if (view.tile.why_in_full) this.words.append(element("p", "why", view.tile.why_in_full));
    const parts = view.node.querySelectorAll(".chips, .roles");
    for (const part of parts) this.words.append(part.cloneNode(true));
    this.decide.hidden = !gallery.data.decide;
    for (const one of this.decide.children) one.classList.toggle("on", one.classList.contains(verdict || "-"));
  }

  step(by) {
    const order = this.gallery.order(), at = order.indexOf(this.id) + by;
    if (at < 0 || at >= order.length) return;
    this.gallery.hasMoved = true;
    this.show(order[at]);
    this.gallery.say(this.gallery.tiles.get(this.id).tile.caption);
  }

  choose(verdict) {
    const { gallery, id } = this;
    if (!gallery.data.decide) return;
    if (verdict !== "relabel") {
      gallery.record([id], verdict, null);
      this.show(gallery.nextOpen([id]));
      return;
    }
    const { editor, begin } = captionEditor({
      label: "The caption that fits the picture",
      text: gallery.proposedCaption(id),
      save: (text) => { gallery.record([id], "relabel", text); this.show(gallery.nextOpen([id])); },
      leave: () => this.dialog.focus(),
    });
    this.writing.replaceChildren(editor);
    begin();
  }

  // Whether the key was one of the overlay's.
  key(name, event) {
    const steps = { arrowleft: -1, arrowup: -1, arrowright: 1, arrowdown: 1 };
    const decided = verdictOf(name), undoes = isUndo(name, event);
    if (event.altKey || ((event.ctrlKey || event.metaKey) && !undoes)) return false;
    if (name in steps) this.step(steps[name]);
    else if (name === "home") this.show(this.gallery.order()[0]);
    else if (name === "end") this.show(this.gallery.order().at(-1));
    else if (name === "escape" || name === " ") { if (!event.repeat) this.dialog.close(); }
    else if (event.repeat) return Boolean(decided) || undoes;
    else if (decided) this.choose(decided);
    else if (name === "q") this.gallery.sendToReview([this.id]);
    else if (undoes) { const back = this.gallery.data.decide && this.gallery.undo(); if (back) this.show(back); }
    else if (name === "enter") this.gallery.open(this.id);
    else return false;
    return true;
  }
}
