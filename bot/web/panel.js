/** The chat panel: chrome, focus and keyboard. widget.js loads it when someone first opens the chat. */
import { Chat } from './chat.js';
import { strings } from './strings.js';
import { el, fillPage, icon, link, numbers, renderEntry, statusLine, telephone } from './view.js';

const PHONE = '(max-width: 480px), (max-height: 480px)';
const TYPING_MS = 250;
const HISTORY = 4; // more new entries at once are history: shown, not read out

export class Panel {
  /** @param {HTMLElement} host the vagus-chat element */
  constructor(host) {
    const option = (name) => host.getAttribute(name);
    this.host = host;
    this.words = strings(host.language);
    this.nodes = new Map();
    this.fit = this.fit.bind(this);
    this.chat = new Chat(host.base, option('remember') === 'device' ? 'localStorage' : 'sessionStorage',
      { name: option('name'), phone: option('phone') }, () => this.show());
    this.build(option('heading') || this.words.heading);
    visualViewport.addEventListener('resize', this.fit);
    this.chat.start();
  }

  destroy() {
    visualViewport.removeEventListener('resize', this.fit);
    this.chat.destroy();
    this.dialog.remove();
    this.sure.remove();
  }

  build(heading) {
    const { words } = this;
    const role = 'status';
    const item = (label, action) => el('button', { click: () => this.toggleMenu(false) || action.call(this) }, label);
    this.state = el('p');
    this.menuButton = this.round('menu', words.menu, () => this.toggleMenu());
    this.menu = el('div', { class: 'menu', hidden: true }, item(words.save, this.save), item(words.fresh, this.confirmFresh), item(words.erase, this.confirmErase));
    this.log = el('div', { role: 'log', 'aria-label': words.log });
    this.typing = el('div', { class: 'typing', role });
    this.outage = el('div', { class: 'outage', role });
    this.toast = el('p', { class: 'toast', role });
    this.foot = el('p', { class: 'foot' });
    this.input = el('textarea', { id: 'ask', rows: 1, maxlength: 2000, placeholder: words.ask, enterkeyhint: 'send', keydown: (event) => this.onInputKey(event) });
    this.scroller = el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': words.log },
      el('section', { class: 'intro' }, el('h3', null, words.introTitle), ['intro', 'introNot', 'introPrivate'].map((name) => el('p', null, words[name]))),
      this.log, this.typing);
    this.title = el('h2', { id: 'title', tabindex: '-1' }, heading);
    this.dialog = el('dialog', { class: 'panel', 'aria-labelledby': 'title', keydown: (event) => this.onKey(event), close: () => this.onClose() },
      el('header', null, icon('pulse'), el('div', null, this.title, this.state), this.menuButton, this.round('close', words.close, () => this.close())),
      this.menu, this.scroller, this.outage, this.toast,
      el('form', { submit: (event) => this.onSubmit(event) }, el('label', { class: 'vh', for: 'ask' }, words.ask), this.input, this.round('send', words.send)),
      this.foot);
    this.sure = el('dialog', { class: 'sure', 'aria-labelledby': 'sure' });
    this.host.shadowRoot.append(this.dialog, this.sure);
  }

  round(name, label, click) {
    return el('button', { class: `round ${name}`, type: click && 'button', 'aria-label': label, title: label, click }, icon(name));
  }

  // Open, close, keyboard

  /** Shows the panel: beside the page on a desktop, over all of it on a phone. */
  open(focus) {
    if (!this.dialog.open) {
      const before = document.activeElement;
      this.dialog[matchMedia(PHONE).matches ? 'showModal' : 'show']();
      if (!focus) before.focus();
      this.announce(true);
      this.fit();
      this.toEnd();
    }
    if (focus) (matchMedia('(hover: hover)').matches ? this.input : this.title).focus();
  }

  close() {
    this.dialog.close();
  }

  onClose() {
    this.toggleMenu(false);
    this.announce(false);
    this.host.button.focus();
  }

  announce(open) {
    const { host } = this;
    host.button.hidden = open;
    host.button.ariaExpanded = open;
    host.memo('vagus:open', open ? '1' : '0');
    host.dispatchEvent(new CustomEvent(open ? 'vagus-open' : 'vagus-close', { bubbles: true }));
  }

  /** Keeps the question field above a phone's keyboard. */
  fit() {
    this.dialog.style.setProperty('--height', `${visualViewport.height}px`);
  }

  onKey(event) {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    if (this.menu.hidden) this.close();
    else this.toggleMenu(false) || this.menuButton.focus();
  }

  toggleMenu(open = this.menu.hidden) {
    this.menu.hidden = !open;
    this.menuButton.ariaExpanded = open;
    if (open) this.menu.firstChild.focus();
  }

  // What the patient does

  onInputKey(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.input.form.requestSubmit();
  }

  onSubmit(event) {
    event.preventDefault();
    const text = this.input.value.trim();
    this.input.value = '';
    this.say('');
    this.input.focus();
    if (text) this.chat.send(text);
  }

  /** A choice is sent once; what the widget does itself can be done again. */
  choose({ label, value }, button) {
    const own = { 'client:save': this.save, 'client:erase': this.confirmErase, 'client:new': this.confirmFresh }[value];
    if (own) return own.call(this);
    if (button.ariaDisabled) return undefined;
    button.ariaDisabled = 'true';
    return this.chat.send(label, value);
  }

  async save() {
    const page = self.open('', '_blank'); // at once, while the browser still counts it as the patient's click
    try {
      fillPage(page, await this.chat.call('GET', 'summary'), this.words);
    } catch (error) {
      console.error('vagus-chat: no summary', error);
      if (page) page.close();
      this.say(this.words.again);
    }
  }

  confirmFresh() {
    this.confirm(this.words.fresh, this.words.freshSure, () => this.chat.leave());
  }

  confirmErase() {
    this.confirm(this.words.erase, this.words.eraseSure, async () => this.say(await this.chat.leave(true) ? this.words.erased : this.words.erasedHere));
  }

  confirm(label, text, action) {
    const close = () => this.sure.close() || this.input.focus();
    this.sure.replaceChildren(el('h2', { id: 'sure' }, label, '?'), el('p', null, text), el('div', { class: 'choices' },
      el('button', { class: 'choice', click: close }, this.words.keep),
      el('button', { class: 'choice danger', click: () => close() || action() }, label)));
    this.sure.showModal();
  }

  say(text) {
    this.toast.textContent = text;
  }

  // What the patient sees

  show() {
    const { entries, clinic } = this.chat;
    this.state.className = clinic.open_now ? 'open' : '';
    this.state.textContent = [clinic.name, clinic.hours_text].filter(Boolean).join(' \u00b7 ');
    this.showNumbers(numbers(clinic));
    this.showEntries(entries);
    this.showOutage(clinic);
    this.showTyping();
  }

  showNumbers({ emergency, crisis }) {
    if (!changes(this.foot, emergency + crisis)) return;
    const call = (label, number) => link(telephone(number), '', label, ': ', el('b', null, number));
    this.foot.replaceChildren(call(this.words.emergency, emergency), call(this.words.crisis, crisis));
  }

  showEntries(entries) {
    const fresh = entries.filter(({ id }) => !this.nodes.has(id));
    const kept = new Set(entries.map(({ id }) => id));
    this.nodes.forEach((node, id) => kept.has(id) || node.remove() || this.nodes.delete(id));
    this.log.ariaLive = fresh.length > HISTORY ? 'off' : 'polite';
    fresh.forEach((entry) => this.nodes.set(entry.id, renderEntry(entry, this)));
    this.log.append(...fresh.map(({ id }) => this.nodes.get(id)));
    entries.forEach((entry) => this.showStatus(entry));
    if (fresh.length) this.scrollTo(fresh);
  }

  showStatus(entry) {
    const node = this.nodes.get(entry.id);
    if (entry.role === 'user' && changes(node, entry.status + this.chat.offline)) node.lastChild.replaceChildren(...statusLine(entry, this));
  }

  /** A new answer is read from its question on; anything else is followed to the end. */
  scrollTo(fresh) {
    const answer = fresh.length <= HISTORY && fresh.find(({ role }) => role === 'bot');
    const node = answer && this.nodes.get(answer.id).previousSibling;
    if (node) this.scroller.scrollTop = node.offsetTop - 12;
    else this.toEnd();
  }

  toEnd() {
    this.scroller.scrollTop = this.nodes.size > 1 ? this.scroller.scrollHeight : 0;
  }

  /** Quick answers do without the dots. */
  showTyping() {
    clearTimeout(this.timer);
    const dots = () => this.typing.replaceChildren(el('span', { class: 'vh' }, this.words.typing), el('i'), el('i'), el('i'));
    if (this.chat.typing) this.timer = setTimeout(dots, TYPING_MS);
    else this.typing.replaceChildren();
  }

  showOutage(clinic) {
    const { words, chat } = this;
    const shown = chat.offline ? 'offline' : chat.outage ? 'outage' : '';
    if (!changes(this.outage, shown)) return;
    const { name = '', phone, phone_uri: uri, hours_text: hours } = clinic;
    const { emergency } = numbers(clinic);
    this.outage.replaceChildren(...(shown ? [
      el('p', null, el('b', null, words[shown])),
      el('p', null, phone && link(uri || telephone(phone), '', `${words.call} ${name || ''} ${phone}`), ' ', hours),
      el('p', null, link(telephone(emergency), '', `${words.nowEmergency} ${emergency}`)),
    ] : []));
  }
}

/** True when `value` is not what the node shows already. */
function changes({ dataset }, value) {
  const different = dataset.shown !== value;
  dataset.shown = value;
  return different;
}
