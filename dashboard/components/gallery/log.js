// What a person did, in order, until Python has it.
//
// The log lives in the tab's storage, so it survives a rerun, a page change, a reload and a restart of the server.
// Every load of the page is a session of its own, and entries keep the session they were made in: a duplicated tab
// inherits the log, and must not count on from the same number.
const STORED = "ecif-gallery-log";
const SEND_EVERY_MS = 120; // a burst is one letter, not one per key
const FIRST_WAIT_MS = 3_000, LONGEST_WAIT_MS = 20_000; // until the log is sent again

function newSession() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

class Log {
  constructor() {
    this.session = newSession();
    this.sequence = 0;
    this.entries = this.read();
    this.byPair = null;
  }

  read() {
    try {
      const stored = JSON.parse(sessionStorage.getItem(STORED));
      return Array.isArray(stored) ? stored.filter((entry) => entry && typeof entry.pair_id === "string") : [];
    } catch {
      return [];
    }
  }

  write() {
    this.byPair = null;
    try {
      sessionStorage.setItem(STORED, JSON.stringify(this.entries));
    } catch { /* storage is full or off: the log still lives in memory */ }
  }

  add(entries) {
    for (const entry of entries) this.entries.push({ session: this.session, sequence: ++this.sequence, ...entry });
    this.write();
  }

  // The entries about one pair, in order.
  of(id) {
    if (!this.byPair) {
      this.byPair = new Map();
      for (const entry of this.entries) {
        if (!this.byPair.has(entry.pair_id)) this.byPair.set(entry.pair_id, []);
        this.byPair.get(entry.pair_id).push(entry);
      }
    }
    return this.byPair.get(id) || [];
  }

  last() {
    const entry = this.entries[this.entries.length - 1];
    return entry ? `${entry.session}-${entry.sequence}` : null;
  }

  // `acknowledged`: the highest sequence Python has stored, per session.
  acknowledge(acknowledged) {
    const kept = this.entries.filter((entry) => entry.sequence > (acknowledged[entry.session] || 0));
    if (kept.length !== this.entries.length) { this.entries = kept; this.write(); }
  }
}

// Brings the whole log to Python, and again when no answer comes: the server may be slow, gone or new.
class Courier {
  // `deliver(letter)` hands over; `tell(number)` is told how many entries are still on their way.
  constructor(log, deliver, tell) {
    Object.assign(this, { log, deliver, tell, letters: 0, sent: null, server: null, sentAt: -Infinity });
    this.timers = { send: null, again: null };
    this.waitMs = FIRST_WAIT_MS;
  }

  soon() {
    this.tell(this.log.entries.length);
    const wait = this.sentAt + SEND_EVERY_MS - performance.now();
    if (wait <= 0) this.send();
    else this.timers.send ??= setTimeout(() => this.send(), wait);
  }

  // Before anything else is asked of Python, so that it comes after what was decided.
  flush() { if (this.timers.send !== null) this.send(); }

  send() {
    clearTimeout(this.timers.send);
    this.timers.send = null;
    this.sentAt = performance.now();
    this.letters += 1;
    this.sent = this.log.last();
    this.letter = `${this.log.session}-${this.letters}`;
    this.deliver({ letter: this.letter, entries: this.log.entries.slice() });
    this.watch();
  }

  watch() {
    clearTimeout(this.timers.again);
    this.timers.again = setTimeout(() => {
      this.waitMs = Math.min(LONGEST_WAIT_MS, this.waitMs * 1.5);
      this.send();
    }, this.waitMs);
  }

  // Python's answer: what it stored, the last letter it read, whether it could store it, and which server session it is.
  hear({ acknowledged, heard, server }) {
    this.log.acknowledge(acknowledged);
    const isNew = this.server !== server; // a restarted server has read nothing
    this.server = server;
    this.tell(this.log.entries.length);
    const isRead = heard && heard.letter === this.letter && heard.stored; // what it passed over is of another run
    if (!this.log.entries.length || isRead) {
      this.stop();
      this.waitMs = FIRST_WAIT_MS;
    }
    if (this.log.entries.length && (isNew || this.log.last() !== this.sent)) this.soon();
  }

  stop() { clearTimeout(this.timers.again); }
}
