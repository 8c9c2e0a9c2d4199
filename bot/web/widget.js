/** The launcher. docs/website.md lists its options. */
(() => {
  const { src, dataset = {} } = document.currentScript || {};

  const WORDS = {
    en: { label: 'Ask a question', hide: 'Close', down: 'The chat cannot open right now. Please try again soon.', emergency: 'Emergency' },
    es: { label: 'Haga una pregunta', hide: 'Cerrar', down: 'El chat no se puede abrir ahora. Intente más tarde.', emergency: 'Emergencia' },
  };

  const DARK = '{ color-scheme: dark; --a: var(--light, #86cfc8); --on: #041f20; --bg: #172022; --fg: #e9efee; --line: #3d4d4f; --soft: #22373a; --page: #101719; --dim: #a9b8b9; --red: #ff9d94; --amber: #ffc670; --mild: #33291a }';
  const CSS = `
    :host { all: initial; color-scheme: light; --o: var(--vagus-offset, 20px); position: fixed; z-index: var(--vagus-z, 99999); inset: auto var(--o) var(--o) auto;
      font: medium/1.45 var(--vagus-font, system-ui, sans-serif);
      --a: var(--vagus-accent, #0d6466); --on: var(--vagus-on-accent, #fff); --bg: #fff; --fg: #1d2b2e; --line: #d5dddb;
      --soft: #eaf3f1; --page: #f6f8f7; --dim: #526167; --red: #b3261e; --amber: #8a5200; --mild: #fff6e5 }
    @supports (color: color-mix(in srgb, #fff, #fff)) { :host { --light: color-mix(in srgb, var(--vagus-accent, #039b8c) 48%, #fff) } }
    :host([position=left]) { inset: auto auto var(--o) var(--o) }
    @media (prefers-color-scheme: dark) { :host(:not([theme=light])) ${DARK} }
    :host([theme=dark]) ${DARK}
    [hidden] { display: none !important }
    button { font: inherit; cursor: pointer; border: 0; background: none; color: inherit }
    .go { display: flex; align-items: center; gap: 12px; min-height: 56px; padding: 0 24px; border: 1px solid transparent; border-radius: 28px; margin-left: auto;
      font-weight: 600; background: var(--a) !important; color: var(--on); box-shadow: 0 6px 24px #08282840 }
    .go svg { width: 24px; fill: currentColor; stroke: none }
    .tip { display: flex; max-width: 250px; margin-bottom: 12px; padding: 12px 8px 12px 20px; border: 1px solid var(--line); border-radius: 16px;
      background: var(--bg); color: var(--fg); box-shadow: 0 6px 24px #08282840 }
    .tip p { margin: 0 0 4px } .tip a { color: var(--a) } .x { min-width: 28px; height: 28px }
    :focus-visible { outline: 3px solid var(--a); outline-offset: 2px }
    @media print { :host { display: none } }`;

  function make(tag, attributes, ...children) {
    const node = /svg|path/.test(tag) ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
    for (const name in attributes) node.setAttribute(name, attributes[name]);
    node.append(...children);
    return node;
  }

  const icon = (d) => make('svg', { viewBox: '0 0 24 24', 'aria-hidden': true }, make('path', { d }));

  /** Works under any CSP. */
  function adopt(root, css, { CSSStyleSheet } = self) {
    if (!root.adoptedStyleSheets) return (root.head || root).append(make('style', {}, css));
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  }

  /** Storage may be forbidden. */
  function memo(key, value) {
    try {
      if (value) sessionStorage.setItem(key, value);
      return sessionStorage.getItem(key);
    } catch (error) {
      return null;
    }
  }

  class VagusChat extends HTMLElement {
    constructor() {
      super();
      this.attachShadow({ mode: 'open' });
    }

    connectedCallback() {
      if (!this.button) this.build();
      document.addEventListener('click', this);
      if (memo('vagus:open') === '1' && matchMedia('(min-width: 481px)').matches) this.open(false);
    }

    disconnectedCallback() {
      document.removeEventListener('click', this);
      if (this.panel) this.panel.destroy();
      this.panel = this.loading = null;
    }

    get base() {
      const host = this.getAttribute('host');
      return new URL('.', host ? `${host}/` : src).href;
    }

    get language() {
      const { lang } = this.closest('[lang]') || {};
      return /^es/i.test(lang) ? 'es' : 'en';
    }

    build() {
      this.words = WORDS[this.language];
      adopt(this.shadowRoot, CSS);
      if (this.getAttribute('accent')) this.style.setProperty('--vagus-accent', this.getAttribute('accent'));
      this.button = make('button', { class: 'go', 'aria-haspopup': 'dialog', 'aria-expanded': false },
        icon('M6 3h12a4 4 0 0 1 4 4v6a4 4 0 0 1-4 4h-6l-6 5v-5a4 4 0 0 1-4-4V7a4 4 0 0 1 4-4z'),
        this.getAttribute('label') || this.words.label);
      this.button.onclick = () => this.open();
      this.shadowRoot.append(this.button);
      if (this.getAttribute('teaser') && !memo('vagus:tip')) this.showTip('status', [make('p', {}, this.getAttribute('teaser'))]);
    }

    showTip(role, lines) {
      const hide = make('button', { class: 'x', 'aria-label': this.words.hide }, '\u2715');
      hide.onclick = () => this.hideTip() || this.button.focus();
      this.hideTip();
      this.tip = make('div', { class: 'tip', role }, make('div', {}, ...lines), hide);
      this.button.before(this.tip);
    }

    hideTip() {
      if (!this.tip) return;
      this.tip.remove();
      memo('vagus:tip', '1');
    }

    handleEvent(event) {
      if (!event.target.closest('a[href$="#vagus-chat"]')) return;
      event.preventDefault();
      this.open();
    }

    /** Without `focus` the page keeps the keyboard. */
    async open(focus = true) {
      try {
        this.loading = this.loading || this.load();
        await this.loading;
        this.hideTip();
        this.panel.open(focus);
      } catch (error) {
        this.loading = null;
        console.error(error);
        this.showDown();
      }
    }

    close() {
      if (this.panel) this.panel.close();
    }

    async load() {
      const [{ Panel }, response] = await Promise.all([import(`${this.base}panel.js`), fetch(`${this.base}web/panel.css`, { credentials: 'omit' })]);
      if (!response.ok) throw new Error(`panel.css: ${response.status}`);
      this.css = await response.text();
      adopt(this.shadowRoot, this.css);
      this.panel = new Panel(this);
    }

    showDown() {
      const { name, phone, emergency = {} } = (JSON.parse(memo(`vagus:${this.base}`)) || {}).clinic || {};
      const call = (label, number) => make('p', {}, make('a', { href: `tel:${number.replace(/[^\d+]/g, '')}` }, `${label} ${number}`));
      const own = phone || this.getAttribute('phone');
      this.showTip('alert', [make('p', {}, this.words.down), own ? call(name || this.getAttribute('name') || '', own) : '',
        call(this.words.emergency, emergency.emergency || '911'), call('Crisis', emergency.crisis || '988')]);
    }
  }

  function place() {
    if (!document.querySelector('vagus-chat')) document.body.append(make('vagus-chat', dataset));
  }

  if (customElements.get('vagus-chat')) return;
  customElements.define('vagus-chat', Object.assign(VagusChat, { adopt, icon, memo }));
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', place);
  else place();
})();
