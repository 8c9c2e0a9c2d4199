/** What a conversation looks like. Words become text nodes; nothing in this widget parses HTML. */

const SCHEMES = /^(https?|tel|sms|mailto):/i;
const CALLABLE = /^(tel|sms):/i;
const ALARM = /^(emergency|crisis|poison)$/;
const RATED = /^(answer|no_answer|redirect)$/;
const LIST_LINE = /^(?:- |(\d+)\. )(.*)/;
const REASONS = ['not_my_question', 'hard_to_understand', 'need_more', 'seems_wrong'];
// Control characters and the marks that reverse or hide text; tab and newline stay.
const UNSEEN = /[\0-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/gu;

const ICONS = {
  close: 'M6 6l12 12M18 6L6 18',
  menu: 'M12 5v.1M12 12v.1M12 19v.1',
  send: 'M12 19V5M6 11l6-6 6 6',
  pulse: 'M3 12h4l2-6 4 12 3-6h5',
  alert: 'M12 9v4M12 17v.1M12 3l10 17H2z',
  phone: 'M6 4h3l2 4-2 2a11 11 0 0 0 5 5l2-2 4 2v3q0 2-2 2Q5 19 4 6q0-2 2-2z',
  thumb: 'M8 11v9H4v-9zl4-7q3 1 1 6h5q2 0 2 2l-2 6q0 2-2 2H8',
};

const plain = (text) => String(text).replace(UNSEEN, '');

/** An element: functions become listeners, missing values are left out, strings become text nodes. */
export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  Object.entries(attributes || {}).forEach(([name, value]) => {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value || value === '') node.setAttribute(name, plain(value));
  });
  node.append(...children.flat().filter(Boolean).map((child) => (child instanceof Node ? child : plain(child))));
  return node;
}

export function icon(name) {
  const [svg, path] = ['svg', 'path'].map((tag) => document.createElementNS('http://www.w3.org/2000/svg', tag));
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** A link, or the same words without one where the scheme is not on the list. */
export function link(address, className, ...children) {
  const href = plain(address);
  const web = /^http/i.test(href) && { target: '_blank', rel: 'noopener noreferrer' };
  return SCHEMES.test(href) ? el('a', { class: className, href, ...web }, ...children) : el('span', null, ...children);
}

/** Plain text as paragraphs and lists: blank lines part paragraphs, "- " and "1. " start list items. */
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
  else last.append(el('li', null, item));
  return nodes;
}

/** The clinic's emergency numbers; those of the United States where it says nothing. */
export const numbers = ({ emergency }) => ({ emergency: '911', crisis: '988', poison: '1-800-222-1222', ...emergency });

export const telephone = (number) => `tel:${number.replace(/[^\d+*#]/g, '')}`;

/** One entry of the log. */
export function renderEntry({ role, text, at, reply }, panel) {
  return role === 'bot' ? replyNode(reply, at, panel) : el('div', { class: 'you' },
    el('div', { class: 'said', dir: 'auto' }, el('span', { class: 'vh' }, panel.words.you, ' '), text),
    el('div', { class: 'meta' }));
}

/** The line under a question: its time, that it waits, or the button that tries again. */
export function statusLine({ id, at, status, error }, { words, chat, input }) {
  if (status === 'sent') return [clock(at, words)];
  if (status !== 'failed') return [status === 'queued' && chat.offline ? words.queued : words.sending];
  return [error || '', el('button', { class: 'retry', click: () => chat.retry(id) || input.focus() }, icon('alert'), words.failed)];
}

function replyNode({ id, kind, text, notice, passages, disclaimer, buttons }, at, panel) {
  const { words } = panel;
  const alarm = ALARM.test(kind);
  const line = (name, content) => content && el('p', { class: name, dir: 'auto' }, content);
  return el('article', { class: `bot ${alarm ? 'alarm' : ''} ${kind}`, 'aria-label': words[kind] || words.answer, role: alarm && 'alert' },
    el('div', { class: 'card', lang: 'en' },
      (alarm || kind === 'urgent') && el('h3', { class: 'tag' }, icon('alert'), words[kind]),
      line('notice', notice),
      text && el('div', { class: 'passage', dir: 'auto' }, blocks(text)),
      alarm ? calls(kind, buttons, panel) : passages.map((passage) => passageNode(passage, words)),
      line('disclaimer', disclaimer)),
    RATED.test(kind) && rating(id, panel),
    !alarm && buttons.length > 0 && el('div', { class: 'choices' }, buttons.map((button) => choice(button, panel))),
    el('div', { class: 'meta' }, clock(at, words)));
}

/** An alarm always has numbers to tap, also when the reply brought none. */
function calls(kind, buttons, { words, chat }) {
  const given = buttons.filter(({ value }) => CALLABLE.test(value));
  const { emergency, [kind]: own } = numbers(chat.clinic);
  return (given.length ? given : [...new Set([own, emergency])].map((number) => ({ label: `${words.call} ${number}`, value: telephone(number) }))).map(callLink);
}

const callLink = ({ label, value }) => link(value, 'call', icon('phone'), label);

function choice(button, panel) {
  return CALLABLE.test(button.value) ? callLink(button)
    : el('button', { class: 'choice', click: ({ currentTarget }) => panel.choose(button, currentTarget) }, button.label);
}

function passageNode({ heading, text, source, url, reviewed_by: who, reviewed_on: when }, words) {
  return el('section', { class: 'passage', dir: 'auto' }, el('h3', null, heading), blocks(text),
    source && el('p', { class: 'source' }, words.source, ' ', link(url, '', source, el('span', { class: 'vh' }, ' ', words.newTab))),
    who && el('p', { class: 'source' }, words.reviewed, ' ', [who, day(when, words)].filter(Boolean).join(', ')));
}

function rating(id, { words, chat }) {
  const said = el('span');
  const thumbs = ['up', 'down'].map((value) => el('button', { class: `thumb ${value}`, 'aria-label': words[value], click: () => rate(value) }, icon('thumb')));
  const why = el('div', { class: 'choices', role: 'group', 'aria-label': words.why, hidden: true },
    REASONS.map((reason) => el('button', { class: 'choice', click: () => rate('down', reason) }, words[reason])));
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

  return el('div', { class: 'rating' }, words.helped, thumbs, said, why);
}

function clock(at, { lang }) {
  return el('time', { datetime: at }, new Date(at).toLocaleTimeString(lang, { timeStyle: 'short' }));
}

/** 2026-03-01 in the reader's words; it names a day, not a moment. */
function day(date, { lang }) {
  return date && new Date(date).toLocaleDateString(lang, { dateStyle: 'long', timeZone: 'UTC' });
}

const PAPER = `
  body { max-width: 42em; margin: auto; padding: 1.5em; font: 1em/1.5 system-ui, sans-serif; color: #1d2b2e; background: #fff; overflow-wrap: anywhere }
  h2 { margin-top: 1.5em; border-top: 2px solid; padding-top: .5em } h3, p { margin: .5em 0 } p { white-space: pre-line }
  .vh { position: absolute; clip-path: inset(50%) }
  button { font: inherit }
  @media print { button { display: none } }`;

/** Fills the page "for my appointment", to print or keep; nothing is stored. @param {Window} page */
export function fillPage(page, { title, clinic, made_on: on, items, questions_to_ask: questions, disclaimer, notice }, words) {
  const { document: paper } = page;
  const sheet = new page.CSSStyleSheet();
  sheet.replaceSync(PAPER);
  paper.adoptedStyleSheets = [sheet];
  paper.documentElement.lang = words.lang;
  paper.title = plain(title);
  paper.body.replaceChildren(el('main', null,
    el('h1', null, title), el('p', null, `${clinic.name}, ${clinic.phone}\n${day(on, words)}`), el('button', { click: () => page.print() }, words.print),
    el('p', null, notice),
    items.length ? items.map(({ question, passages }) => el('section', null, el('h2', null, words.you, ' ', question), passages.map((one) => passageNode(one, words)))) : words.nothing,
    el('h2', null, words.bring), el('ul', null, questions.map((text) => el('li', null, text))),
    el('p', null, disclaimer)));
}
