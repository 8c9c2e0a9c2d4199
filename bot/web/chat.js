/** One conversation: each message is answered once and in order. */

const TIMEOUT_MS = 8000;
const EVENTS = ['online', 'offline', 'focus']; // the clinic may have opened
const RETRY_MS = [500, 1500, 4000];
const RECONNECT_MS = 6000;
const PATIENCE_MS = 1000; // then the next goes out: it may be an emergency
const HELLO_MS = 80;

export class Chat {
  constructor(base, area, known, changed) {
    Object.assign(this, { base, area, known, changed, key: `vagus:${base}`, state: blank(), underway: new Set() });
    this.wake = () => (this.offline ? changed() : this.connect());
    EVENTS.forEach((name) => self.addEventListener(name, this.wake));
    this.tabs = new BroadcastChannel(this.key);
    this.tabs.onmessage = ({ data }) => this.onTab(data);
  }

  destroy() {
    EVENTS.forEach((name) => self.removeEventListener(name, this.wake));
    clearTimeout(this.timer);
    this.tabs.close();
    this.closed = true;
  }

  get entries() { return this.state.entries; }
  get clinic() { return { ...this.known, ...this.state.clinic }; }
  get offline() { return !navigator.onLine; }
  get typing() { return !this.outage && this.entries.some(({ status }) => status === 'sending'); }

  async start() {
    this.load();
    this.changed();
    if (!this.state.token) await this.askTabs();
    await this.connect();
  }

  send(text, button) {
    this.entries.push({ id: newId(), role: 'user', at: now(), text, button, status: 'queued' });
    this.keep();
    this.flush();
  }

  retry(id) {
    this.mark(this.entries.find((entry) => entry.id === id), 'queued');
    this.flush();
  }

  async rate(reply_id, rating, reason) {
    await this.call('POST', 'feedback', { reply_id, rating, reason });
    this.state.ratings[reply_id] = rating;
    this.keep();
  }

  /** Starts over. True once the server has erased, too. */
  async leave(erase) {
    const { epoch, clinic, token, past, erasing } = this.state;
    const gone = [...past, token].filter(Boolean);
    this.state = blank(erase ? { clinic, erasing: [...erasing, ...gone] } : { clinic, erasing, past: gone });
    this.share(epoch);
    this.keep();
    await this.flushErasures();
    this.connect();
    return !this.state.erasing.length;
  }

  async flush() {
    if (this.busy) return;
    this.busy = true;
    await this.flushErasures();
    const next = () => !this.closed && !this.offline && this.entries.find(({ status }) => status === 'queued');
    for (let entry = next(); entry; entry = next()) await Promise.race([this.deliver(entry), pause(PATIENCE_MS)]);
    this.busy = false;
  }

  async deliver(entry) {
    this.underway.add(entry.id);
    await this.attempt(entry, 0);
    this.underway.delete(entry.id);
  }

  async attempt(entry, tries) {
    const { epoch } = this.state;
    const { id, text, button } = entry;
    this.mark(entry, 'sending');
    try {
      const { replies } = await this.call('POST', 'messages', { client_message_id: id, ...(button ? { button } : { text }) });
      if (!replies.length) throw failure('empty', 502);
      if (epoch !== this.state.epoch) return;
      this.addReplies(replies);
      this.outage = false;
      this.mark(entry, 'sent');
    } catch (error) {
      this.missed(error);
      if (this.offline) return this.mark(entry, 'queued');
      if (!error.passing || tries >= RETRY_MS.length) return this.mark(entry, 'failed', error);
      await pause(RETRY_MS[tries]);
      if (epoch === this.state.epoch && !this.closed) await this.attempt(entry, tries + 1);
    }
  }

  mark(entry, status, { status: code, message } = {}) {
    entry.status = status;
    entry.error = code >= 400 && code < 500 && message;
    this.keep();
  }

  addReplies(replies) {
    merge(this.entries, replies.map((reply) => ({ id: reply.id, role: 'bot', at: now(), reply })));
  }

  async flushErasures() {
    for (const token of this.offline ? [] : this.state.erasing) {
      const { error } = await this.fetch('DELETE', 'session', token).catch((reason) => ({ error: reason }));
      if (error && error.status !== 401) return this.missed(error);
      this.state.erasing = this.state.erasing.filter((other) => other !== token);
      this.keep();
    }
  }

  async call(method, path, body) {
    const { epoch } = this.state;
    if (!this.state.token) await this.openSession().catch((error) => { if (error.status !== 429) throw error; }); // an emergency needs no session
    const { token } = this.state;
    try {
      return await this.fetch(method, path, token, body);
    } catch (error) {
      if (error.status !== 401 || epoch !== this.state.epoch) throw error;
      if (token === this.state.token) await this.openSession();
      return this.fetch(method, path, this.state.token, body);
    }
  }

  openSession() {
    this.opening = this.opening || this.fetch('POST', 'sessions').then(({ token, clinic, replies }) => {
      if (this.state.token) this.state.past.push(this.state.token); // to be erased with the rest
      Object.assign(this.state, { token, clinic });
      if (!this.entries.length) this.addReplies(replies);
      this.keep();
    }).finally(() => delete this.opening);
    return this.opening;
  }

  async connect() {
    try {
      if (this.state.token) await this.refresh();
      else await this.openSession();
      this.outage = false;
      this.entries.forEach((entry) => {
        if ((entry.status === 'sending' && !this.underway.has(entry.id)) || (entry.status === 'failed' && !entry.error)) entry.status = 'queued';
      });
      this.keep();
    } catch (error) {
      this.missed(error);
    }
    this.flush();
  }

  /** A session that the server forgot takes its words along. */
  async refresh() {
    const { token } = this.state;
    try {
      const [{ messages }, clinic] = await Promise.all([this.fetch('GET', 'messages', token), this.fetch('GET', 'clinic')]);
      merge(this.entries, messages.filter(({ reply }, at) => reply || (messages[at + 1] || {}).reply).map(toEntry));
      this.state.clinic = clinic;
    } catch (error) {
      if (error.status !== 401) throw error;
      this.state.entries = this.entries.filter(({ status }) => status && status !== 'sent');
      await this.openSession();
    }
  }

  missed(error) {
    console.warn(error);
    if (!error.passing || this.closed) return;
    this.outage = true;
    this.changed();
    clearTimeout(this.timer);
    this.timer = setTimeout(this.wake, RECONNECT_MS);
  }

  async fetch(method, path, token, body) {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), TIMEOUT_MS);
    const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(`${this.base}api/v1/${path}`, { method, headers, body: JSON.stringify(body), signal: stop.signal, credentials: 'omit' })
      .catch(({ message }) => { throw failure(message, 0); });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw failure((answer.error || {}).message, response.status);
    return answer;
  }

  load() {
    try {
      const kept = blank(JSON.parse(self[this.area].getItem(this.key)));
      if (kept.entries.length + kept.past.length + kept.erasing.length) this.state = kept;
    } catch (error) {
      console.warn(error);
    }
  }

  save() {
    try {
      self[this.area].setItem(this.key, JSON.stringify(this.state));
    } catch (error) {
      console.warn(error);
    }
    this.changed();
  }

  keep() {
    this.save();
    this.share();
  }

  share(ended) {
    this.tabs.postMessage({ state: this.state, ended });
  }

  askTabs() {
    this.tabs.postMessage({});
    return new Promise((resolve) => {
      this.heard = resolve;
      setTimeout(resolve, HELLO_MS);
    });
  }

  onTab({ state: theirs, ended }) {
    const { epoch, token, entries } = this.state;
    if (!theirs) return token && this.share();
    if (ended === epoch || (!token && !entries.length)) this.state = theirs;
    else if (theirs.epoch !== epoch) return;
    else {
      merge(entries, theirs.entries);
      this.state = { ...theirs, token: theirs.token || token, entries };
    }
    this.save();
    if (this.heard) this.heard();
  }
}

function blank(kept) {
  return { epoch: newId(), token: '', clinic: null, entries: [], ratings: {}, past: [], erasing: [], ...kept };
}

function merge(mine, theirs) {
  theirs.forEach((entry) => {
    const known = mine.find(({ id }) => id === entry.id);
    if (!known) mine.push(entry);
    else if (known.status !== 'sent') known.status = entry.status;
  });
}

function toEntry({ role, at, text, client_message_id: id, reply }) {
  return reply ? { id: reply.id, role, at, reply } : { id, role, at, text, status: 'sent' };
}

function failure(message, status) {
  return Object.assign(new Error(message), { status, passing: !status || status >= 500 });
}

const newId = () => crypto.getRandomValues(new Uint32Array(4)).join('-');
const now = () => new Date().toISOString();
const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
