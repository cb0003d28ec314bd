// Turning the page by key. Until the wanted page is on screen nothing can be decided: nobody has seen what comes.
const ASKED_EVERY_MS = 2_000, ASKED_TIMES = 5;

class PageTurn {
  constructor(gallery) {
    this.gallery = gallery;
    this.wanted = null; // the number of the page asked for
    this.timer = null;
  }

  get isOn() { return this.wanted !== null; }

  start(step) {
    const { gallery } = this, { page, of } = gallery.data.turns, wanted = page + step;
    if (this.isOn) return;
    if (wanted < 1 || wanted > of) { gallery.say(step < 0 ? "This is the first page." : "This is the last page."); return; }
    gallery.courier.flush();
    gallery.selection.clear();
    gallery.tellSelection(0); // before the turn: whatever is told after it may cut it short
    this.wanted = wanted;
    gallery.host.classList.add("turning");
    gallery.say("The page is turning.");
    this.ask(1);
  }

  // Another rerun may have cut the turn short: the page is named by its number, so it can be asked for again.
  ask(times) {
    if (times > ASKED_TIMES) { this.stop(); return; }
    this.gallery.component.setTriggerValue("turned", this.wanted);
    this.timer = setTimeout(() => this.ask(times + 1), ASKED_EVERY_MS);
  }

  // Whether the wanted page has just come.
  hasCome() { return this.isOn && this.gallery.data.turns?.page === this.wanted; }

  stop() {
    clearTimeout(this.timer);
    this.wanted = null;
    this.gallery.host.classList.remove("turning");
  }

  arrive() {
    const { gallery } = this, { page, of } = gallery.data.turns;
    this.stop();
    gallery.focusTile(gallery.order()[0]);
    gallery.top.scrollIntoView({ block: "nearest" });
    gallery.say(`Page ${page} of ${of}.`);
  }
}
