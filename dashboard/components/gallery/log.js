// What a person did, in order, until Python has it. Loaded before gallery.js, into the same module.
//
// The log lives in the tab's storage, so it survives a rerun, a page change and a reload. Every load of the page is a
// session of its own, and entries keep the session they were made in: a duplicated tab inherits the log, and must not
// count on from the same number.
const STORED = "ecif-gallery-log";

function newSession() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

class Log {
  constructor() {
    this.session = newSession();
    this.sequence = 0;
    this.entries = this.read();
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
    try {
      sessionStorage.setItem(STORED, JSON.stringify(this.entries));
    } catch { /* storage is full or off: the log still lives in memory */ }
  }

  add(entry) {
    this.sequence += 1;
    this.entries.push({ session: this.session, sequence: this.sequence, ...entry });
    this.write();
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
