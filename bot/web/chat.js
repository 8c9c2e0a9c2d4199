/** One conversation: each message goes out once and in order, however often the connection breaks. */

const TIMEOUT_MS = 8000;
const RETRY_MS = [500, 1500, 4000];
const RECONNECT_MS = 6000;
const HELLO_MS = 80;
const LONGEST_WAIT_S = 30;

export class Chat {
  /**
   * @param {string} base address of the gateway
   * @param {'localStorage'|'sessionStorage'} area where the browser keeps it
   * @param {object} known what the page says of the clinic
   * @param {() => void} changed called when what is shown may differ
   */
  constructor(base, area, known, changed) {
    Object.assign(this, { base, area, known, changed, key: `vagus:${base}`, state: blank() });
    this.connect = this.connect.bind(this);
    self.addEventListener('online', this.connect);
    self.addEventListener('offline', changed);
    this.tabs = new BroadcastChannel(this.key);
    this.tabs.onmessage = ({ data }) => this.onTab(data);
  }

  destroy() {
    self.removeEventListener('online', this.connect);
    self.removeEventListener('offline', this.changed);
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

  /** Sends words, or a button's value shown under its label. */
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

  /** Starts over, with `erase` for good: here at once, on the server as soon as it is reached. True when it is done. */
  async leave(erase) {
    const { epoch, clinic, token, past, erasing } = this.state;
    const gone = [...past, token].filter(Boolean);
    this.state = blank({ clinic, past: erase ? [] : gone, erasing: erase ? [...erasing, ...gone] : erasing });
    this.share(epoch);
    this.keep();
    await this.flushErasures();
    this.connect();
    return !this.state.erasing.length;
  }

  // The queue

  async flush() {
    if (this.busy) return;
    this.busy = true;
    await this.flushErasures();
    for (let entry = this.next(); entry; entry = this.next()) await this.deliver(entry, 0);
    this.busy = false;
  }

  next() {
    return !this.closed && !this.offline && this.entries.find(({ status }) => status === 'queued');
  }

  async deliver(entry, attempt) {
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
      if (!error.passing || error.wait > LONGEST_WAIT_S || attempt >= RETRY_MS.length) return this.mark(entry, 'failed', error);
      await pause(Math.max(RETRY_MS[attempt], error.wait * 1000));
      if (epoch === this.state.epoch && !this.closed) await this.deliver(entry, attempt + 1);
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
      const error = await this.fetch('DELETE', 'session', token).catch((reason) => reason);
      if (error && error.status !== 401) return this.missed(error);
      this.state.erasing = this.state.erasing.filter((other) => other !== token);
      this.keep();
    }
  }

  // The session

  /** Calls with the session's token; without one, or once it has expired, with a new one. */
  async call(method, path, body) {
    const { epoch } = this.state;
    if (!this.state.token) await this.openSession();
    try {
      return await this.fetch(method, path, this.state.token, body);
    } catch (error) {
      if (error.status !== 401 || epoch !== this.state.epoch) throw error;
      await this.openSession();
      return this.fetch(method, path, this.state.token, body);
    }
  }

  openSession() {
    this.opening = this.opening || this.fetch('POST', 'sessions').then(({ token, expires_at, clinic, replies }) => {
      Object.assign(this.state, { token, expires_at, clinic });
      if (!this.entries.length) this.addReplies(replies);
      this.keep();
    }).finally(() => { this.opening = null; });
    return this.opening;
  }

  async connect() {
    try {
      if (this.state.token) await this.refresh();
      else await this.openSession();
      this.outage = false;
      this.entries.forEach((entry) => {
        const cut = entry.status === 'sending' && !this.busy; // by a reload: the same id, so it runs once
        if (cut || (entry.status === 'failed' && !entry.error)) entry.status = 'queued';
      });
      this.keep();
    } catch (error) {
      this.missed(error);
    }
    this.flush();
  }

  /** A session that the server no longer knows takes its words along; unsent ones stay. */
  async refresh() {
    const { token } = this.state;
    try {
      const [{ messages }, clinic] = await Promise.all([this.fetch('GET', 'messages', token), this.fetch('GET', 'clinic')]);
      merge(this.entries, messages.map(toEntry));
      this.state.clinic = clinic;
    } catch (error) {
      if (error.status !== 401) throw error;
      this.state.entries = this.entries.filter(({ status }) => status && status !== 'sent');
      await this.openSession();
    }
  }

  missed(error) {
    console.warn('vagus-chat', error);
    if (!error.passing || error.status === 429 || this.closed) return;
    this.outage = true;
    this.changed();
    clearTimeout(this.timer);
    this.timer = setTimeout(this.connect, RECONNECT_MS);
  }

  async fetch(method, path, token, body) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
    const headers = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers['Content-Type'] = 'application/json';
    try {
      const response = await fetch(`${this.base}api/v1/${path}`, { method, headers, body: JSON.stringify(body), signal: stop.signal, credentials: 'omit', cache: 'no-store' });
      if (response.status === 204) return null;
      const answer = await response.json().catch(() => ({})); // a proxy's error page is not JSON
      if (!response.ok) throw failure((answer.error || {}).message, response.status, Number(response.headers.get('Retry-After')));
      return answer;
    } catch (error) {
      throw error.status ? error : failure(error.message, 0);
    } finally {
      clearTimeout(timer);
    }
  }

  // This browser and its tabs

  /** Restores what was kept, but no words of a session that has expired. */
  load() {
    try {
      const state = blank(JSON.parse(self[this.area].getItem(this.key)));
      const { clinic, erasing } = state;
      this.state = Date.parse(state.expires_at) < Date.now() ? blank({ clinic, erasing }) : state;
    } catch (error) {
      console.warn('vagus-chat', error);
    }
  }

  save() {
    try {
      self[this.area].setItem(this.key, JSON.stringify(this.state));
    } catch (error) {
      console.warn('vagus-chat', error);
    }
    this.changed();
  }

  keep() {
    this.save();
    this.share();
  }

  /** `ended` is the epoch of the conversation that this one replaces. */
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
    const { epoch, token, entries, ratings } = this.state;
    if (!theirs) return token && this.share();
    if (ended === epoch || (!token && !entries.length)) this.state = theirs;
    else if (theirs.epoch !== epoch) return;
    else {
      merge(entries, theirs.entries);
      this.state = { ...theirs, token: theirs.token || token, entries, ratings: { ...ratings, ...theirs.ratings } };
    }
    this.save();
    if (this.heard) this.heard();
  }
}

function blank(kept) {
  return { epoch: newId(), token: '', clinic: null, entries: [], ratings: {}, past: [], erasing: [], ...kept };
}

/** Adds to `mine` what `theirs` has more; what is here keeps its order. */
function merge(mine, theirs) {
  theirs.forEach((entry) => {
    const known = mine.find(({ id }) => id === entry.id);
    if (!known) mine.push(entry);
    else if (known.status !== 'sent') known.status = entry.status;
  });
}

/** The server's entry in our shape: a question's id is its client_message_id. */
function toEntry({ role, at, text, client_message_id: id, reply }) {
  return reply ? { id: reply.id, role, at, reply } : { id, role, at, text, status: 'sent' };
}

function failure(message, status, wait = 0) {
  return Object.assign(new Error(message), { status, wait, passing: !status || status >= 500 || [408, 409, 425, 429].includes(status) });
}

const newId = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-');
const now = () => new Date().toISOString();
const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
