/** The panel. Words become text nodes; nothing parses HTML. */
import { Chat } from './chat.js';
import { strings } from './strings.js';

const HISTORY = 4; // more at once is shown, not read out
const SCHEMES = /^(https?:\/\/|tel:|sms:|mailto:)/i;
const CALLABLE = /^(tel|sms):/i;
const ALARM = /^(emergency|crisis|poison)$/;
const RATED = /^(answer|no_answer|redirect)$/;
const SPANISH = /[áéíóúñ¿¡]/i; // the safety screen answers in it too
const OWN = /^client:(save|new|erase)$/;
const LIST_LINE = /^(?:- |(\d+)\. )(.*)/;
const REASONS = ['not_my_question', 'hard_to_understand', 'need_more', 'seems_wrong'];
// Reverses or hides text.
const UNSEEN = /[\0-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/gu;

const ICONS = {
  close: 'M6 6l12 12M18 6L6 18',
  menu: 'M12 5v.1M12 12v.1M12 19v.1',
  send: 'M12 19V5M6 11l6-6 6 6',
  alert: 'M12 9v4M12 17v.1M12 3l10 17H2z',
  phone: 'M6 4h3l2 4-2 2a11 11 0 0 0 5 5l2-2 4 2v3q0 2-2 2Q5 19 4 6q0-2 2-2z',
  thumb: 'M8 11v9H4v-9zl4-7q3 1 1 6h5q2 0 2 2l-2 6q0 2-2 2H8',
};

const { adopt, icon, memo } = customElements.get('vagus-chat');

export class Panel {
  constructor(host) {
    this.host = host;
    this.words = strings(host.language);
    this.nodes = new Map();
    this.fit = this.fit.bind(this);
    this.chat = new Chat(host.base, host.getAttribute('remember') === 'device' ? 'localStorage' : 'sessionStorage',
      { name: host.getAttribute('name'), phone: host.getAttribute('phone') }, () => this.show());
    this.build(host.getAttribute('heading') || this.words.heading);
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
    const leave = ({ target }) => target.closest('.menu') || this.toggleMenu(false);
    this.state = el('p');
    this.menuButton = this.round('menu', () => this.toggleMenu());
    this.menu = el('div.menu', { hidden: true }, ['save', 'new', 'erase'].map((name) => el('button', { click: () => this.toggleMenu(false) || this[name]() }, words[name])));
    this.log = el('div.log', { role: 'log', 'aria-label': words.log, tabindex: '0' },
      el('section.intro', {}, el('h3', {}, words.before), el('p', {}, words.intro), el('p', {}, words.introNot), el('p', {}, words.introPrivate)));
    this.typing = el('div.typing', { role: 'status' });
    this.outage = el('div.outage', { role: 'status' });
    this.toast = el('div.toast', { role: 'status' });
    this.foot = el('p.foot');
    this.input = el('textarea', { rows: 1, placeholder: words.ask, 'aria-label': words.ask, enterkeyhint: 'send', keydown: (event) => this.onInputKey(event), input: () => this.grow() });
    this.title = el('h2', { tabindex: '-1' }, heading);
    this.dialog = el('dialog.panel', { 'aria-label': heading, keydown: (event) => this.onKey(event), click: leave, focusin: leave, close: () => this.onClose() },
      el('div.head', {}, this.host.button.firstChild.cloneNode(true), el('div', {}, this.title, this.state), this.menuButton, this.round('close', () => this.close())),
      this.menu, this.log, this.typing, this.outage, this.toast,
      el('form', { submit: (event) => this.onSubmit(event) }, this.input, this.round('send')),
      this.foot);
    this.sure = this.buildSure(words);
    this.host.shadowRoot.append(this.dialog, this.sure);
  }

  round(name, click) {
    return el(`button.round.${name}`, { 'aria-label': this.words[name], title: this.words[name], click }, icon(ICONS[name]));
  }

  open(focus) {
    if (!this.dialog.open) {
      if (!focus) this.dialog.open = true;
      else this.dialog[matchMedia('(max-width: 480px), (max-height: 480px)').matches ? 'showModal' : 'show']();
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
    this.host.button.hidden = open;
    this.host.button.setAttribute('aria-expanded', open);
    memo('vagus:open', open ? '1' : '0');
  }

  /** Stays above a phone's keyboard; zooming in changes nothing. */
  fit() {
    const { height, scale } = visualViewport;
    if (scale < 1.1) this.dialog.style.setProperty('--height', `${height}px`);
  }

  grow() {
    const { input } = this;
    input.style.height = '';
    input.style.height = `${input.scrollHeight + 2}px`;
  }

  onKey(event) {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    if (this.menu.hidden) this.close();
    else this.toggleMenu(false) || this.menuButton.focus();
  }

  toggleMenu(open = this.menu.hidden) {
    this.menu.hidden = !open;
    this.menuButton.setAttribute('aria-expanded', open);
    if (open) this.menu.firstChild.focus();
  }

  onInputKey(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.input.form.requestSubmit();
  }

  onSubmit(event) {
    event.preventDefault();
    const text = this.input.value.trim();
    this.input.value = '';
    this.grow();
    this.say('');
    this.input.focus();
    if (text) this.chat.send(text);
  }

  choose({ label, value }, button) {
    const [, own] = OWN.exec(value) || [];
    if (own) return this[own]();
    if (button.hasAttribute('aria-disabled')) return undefined;
    button.setAttribute('aria-disabled', true);
    return this.chat.send(label, value);
  }

  async save() {
    const page = self.open('', '_blank'); // at once, or it counts as a pop-up
    try {
      fillPage(page, await this.chat.call('GET', 'summary'), this);
    } catch (error) {
      console.warn(error);
      if (page) page.close();
      this.say(this.words.again);
    }
  }

  new() {
    this.chat.leave();
    this.input.focus();
  }

  erase() {
    this.sure.showModal();
  }

  buildSure({ erase, eraseSure, keep, erased, erasedHere }) {
    const close = () => this.sure.close();
    const go = async () => close() || this.say(await this.chat.leave(true) ? erased : erasedHere);
    return el('dialog.sure', { 'aria-label': erase, close: () => this.input.focus() }, el('h2', {}, erase, '?'), el('p', {}, eraseSure),
      el('div.choices', {}, el('button.choice', { click: close }, keep), el('button.choice.danger', { click: go }, erase)));
  }

  say(text) {
    this.toast.textContent = text;
  }

  show() {
    const { entries, clinic } = this.chat;
    this.state.className = clinic.open_now ? 'open' : '';
    this.state.textContent = [clinic.name, clinic.hours_text].filter(Boolean).join(' \u00b7 ');
    this.showNumbers(numbers(clinic));
    this.showEntries(entries);
    this.showOutage(clinic);
    fill(this.typing, this.chat.typing, () => [el('span.vh', {}, this.words.typing), el('i'), el('i'), el('i')]);
  }

  showNumbers({ emergency, crisis }) {
    const call = (label, number) => link(telephone(number), label, ': ', el('b', {}, number));
    fill(this.foot, emergency + crisis, () => [call(this.words.emergency, emergency), call(this.words.crisis, crisis)]);
  }

  showEntries(entries) {
    const fresh = entries.filter(({ id }) => !this.nodes.has(id));
    const kept = new Set(entries.map(({ id }) => id));
    this.nodes.forEach((node, id) => kept.has(id) || node.remove() || this.nodes.delete(id));
    if (fresh.length) this.log.setAttribute('aria-live', fresh.length > HISTORY ? 'off' : 'polite');
    fresh.forEach((entry) => this.nodes.set(entry.id, renderEntry(entry, this)));
    this.log.append(...fresh.map(({ id }) => this.nodes.get(id)));
    entries.forEach((entry) => this.showStatus(entry));
    if (fresh.length) this.scrollTo(fresh);
  }

  showStatus(entry) {
    if (entry.role === 'user') fill(this.nodes.get(entry.id).lastChild, entry.status + this.chat.offline, () => statusLine(entry, this));
  }

  scrollTo(fresh) {
    const answer = fresh.length <= HISTORY && fresh.find(({ reply }) => reply);
    const node = answer && this.nodes.get(answer.id);
    const top = node && (node.className.includes('alarm') ? node : node.previousSibling);
    if (top) this.log.scrollTop = top.offsetTop - 12;
    else this.toEnd();
  }

  toEnd() {
    this.log.scrollTop = this.nodes.size > 1 ? this.log.scrollHeight : 0;
  }

  showOutage(clinic) {
    const { words, chat } = this;
    const shown = chat.offline ? 'offline' : chat.outage ? 'outage' : '';
    const { name, phone, phone_uri: uri, hours_text: hours } = clinic;
    fill(this.outage, shown, () => [
      el('p', {}, el('b', {}, words[shown])),
      el('p', {}, phone && link(uri || telephone(phone), words.call, ' ', name, ' ', phone), ' ', hours),
    ]);
  }
}

/** Shows what `children` makes of a state, once. */
function fill(node, state, children) {
  if (node.dataset.state === String(state)) return;
  node.dataset.state = state;
  node.replaceChildren(...(state ? children() : []));
}

const plain = (text) => String(text).replace(UNSEEN, '');

/** `el('p.notice', attributes, words)`: functions become listeners, words text nodes. */
function el(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split('.');
  const node = document.createElement(tag);
  node.className = classes.join(' ');
  Object.entries(attributes).forEach(([key, value]) => {
    if (typeof value === 'function') node.addEventListener(key, value);
    else if (value) node.setAttribute(key, plain(value));
  });
  node.append(...children.flat(9).filter(Boolean).map((child) => (child instanceof Node ? child : plain(child))));
  return node;
}

function link(address, ...children) {
  const href = plain(address);
  const web = /^http/i.test(href) && { target: '_blank', rel: 'noopener noreferrer' };
  return SCHEMES.test(href) ? el('a', { href, ...web }, children) : el('span', {}, children);
}

/** Blank lines part paragraphs, "- " and "1. " start list items. */
function blocks(text) {
  return text.split(/\n\s*\n/).flatMap((part) => part.trim().split('\n').reduce(addLine, []));
}

function addLine(nodes, line) {
  const [, number, item] = LIST_LINE.exec(line) || [];
  const tag = item === undefined ? 'p' : number ? 'ol' : 'ul';
  let last = nodes[nodes.length - 1];
  const joins = last && last.localName === tag;
  if (!joins) nodes.push(last = el(tag, { start: number }));
  if (item === undefined) last.append(joins ? '\n' : '', plain(line));
  else last.append(el('li', {}, item));
  return nodes;
}

const numbers = ({ emergency }) => ({ emergency: '911', crisis: '988', poison: '1-800-222-1222', ...emergency });

const telephone = (number) => `tel:${number.replace(/[^\d+*#]/g, '')}`;

function renderEntry({ role, text, at, reply }, panel) {
  return role === 'bot' ? replyNode(reply, at, panel) : el('div.you', {},
    el('div.said', { dir: 'auto' }, el('span.vh', {}, panel.words.you, ' '), text),
    el('div.meta', { 'aria-live': 'off' }));
}

function statusLine({ id, at, status, error }, { words, chat, input }) {
  if (status === 'sent') return [clock(at, words)];
  if (status !== 'failed') return [status === 'queued' && chat.offline ? words.queued : words.sending];
  return [el('div', { role: 'alert' }, error, el('button.retry', { click: () => chat.retry(id) || input.focus() }, icon(ICONS.alert), words.failed))];
}

function replyNode({ id, kind, text, notice, passages, disclaimer, buttons }, at, panel) {
  const { words } = panel;
  const alarm = ALARM.test(kind);
  const [first, ...more] = blocks(alarm ? text.replace(/\n+/g, '\n\n') : text);
  const tag = (alarm || kind === 'urgent') && words[kind];
  const line = (name, content) => content && el(`p.${name}`, { dir: 'auto' }, content);
  return el(`${alarm ? 'div.alarm' : 'article'}.bot.k-${kind}`, { 'aria-label': tag || words.answer, role: alarm && 'alert' },
    el('div.card', { lang: SPANISH.test(text) ? 'es' : 'en' },
      tag && el('h3.tag', {}, icon(ICONS.alert), tag),
      line('notice', notice),
      (text || alarm) && el('div.passage', { dir: 'auto' }, first, alarm && calls(kind, buttons, panel), more),
      passages.map((passage) => passageNode(passage, words)),
      line('disclaimer', disclaimer)),
    RATED.test(kind) && rating(id, panel),
    !alarm && buttons[0] && el('div.choices', {}, buttons.map((button) => choice(button, panel))),
    el('div.meta', {}, clock(at, words)));
}

/** An alarm has numbers to tap, even when the reply brought none. */
function calls(kind, buttons, { words, chat }) {
  const given = buttons.filter(({ value }) => CALLABLE.test(value));
  const { emergency, [kind]: own } = numbers(chat.clinic);
  return (given.length ? given : [...new Set([own, emergency])].map((number) => ({ label: `${words.call} ${number}`, value: telephone(number) }))).map(callLink);
}

const callLink = ({ label, value }) => Object.assign(link(value, icon(ICONS.phone), label.replace(/-/g, '\u2011')), { className: 'call' });

function choice(button, panel) {
  return CALLABLE.test(button.value) ? callLink(button)
    : el('button.choice', { click: ({ currentTarget }) => panel.choose(button, currentTarget) }, button.label);
}

function passageNode({ heading, text, source, url, reviewed_by: who, reviewed_on: when }, words) {
  return el('section.passage', { dir: 'auto' }, el('h3', {}, heading), blocks(text),
    source && el('p.source', {}, words.source, ' ', link(url, source, SCHEMES.test(url) && el('span.vh', {}, ' ', words.newTab))),
    who && el('p.source', {}, words.reviewed, ' ', [who, day(when, words)].filter(Boolean).join(', ')));
}

function rating(id, { words, chat }) {
  const said = el('span');
  const thumbs = ['up', 'down'].map((value) => el(`button.thumb.${value}`, { 'aria-label': words[value], click: () => rate(value) }, icon(ICONS.thumb)));
  const why = el('div.choices', { hidden: true },
    words.why, REASONS.map((reason) => el('button.choice', { click: () => rate('down', reason) }, words[reason])));
  const press = (value) => thumbs.forEach((thumb) => thumb.setAttribute('aria-pressed', thumb.classList.contains(value)));
  press(chat.state.ratings[id] || 'none');

  async function rate(value, reason) {
    press(value);
    if (reason) thumbs[1].focus();
    why.hidden = value === 'up' || Boolean(reason);
    try {
      await chat.rate(id, value, reason);
      said.textContent = words.thanks;
    } catch (error) {
      press('none');
      said.textContent = words.again;
    }
  }

  return el('div.rating', { role: 'group', 'aria-label': words.helped }, words.helped, thumbs, said, why);
}

function clock(at, { lang }) {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return el('time', { datetime: at }, date.toLocaleString(lang, { dateStyle: today ? undefined : 'medium', timeStyle: 'short' }));
}

const day = (date, { lang }) => date && new Date(date).toLocaleString(lang, { dateStyle: 'long', timeZone: 'UTC' });

/** The appointment page. */
function fillPage(page, { title, clinic, made_on: on, items, questions_to_ask: questions, disclaimer, notice }, { host, words }) {
  const { document: paper } = page;
  adopt(paper, host.css, page);
  paper.documentElement.lang = words.lang;
  paper.title = plain(title);
  paper.head.append(el('meta', { name: 'viewport', content: 'width=device-width' }));
  paper.body.replaceChildren(el('main', {},
    el('h1', {}, title), el('p', {}, `${clinic.name}, ${clinic.phone}\n${day(on, words)}`), el('button.choice', { click: () => page.print() }, words.print),
    el('p', {}, notice),
    items.map(({ question, passages }) => [el('h2', {}, words.you, ' ', question), passages.map((one) => passageNode(one, words))]),
    questions[0] && [el('h2', {}, words.bring), el('ul', {}, questions.map((text) => el('li', {}, text)))],
    el('p', {}, disclaimer)));
}
