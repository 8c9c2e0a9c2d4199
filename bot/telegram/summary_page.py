"""The file that /save sends: the summary as one HTML page that prints well and loads nothing."""

from __future__ import annotations

from html import escape

from bot.gateway.replies import Passage
from bot.gateway.summary import Summary, SummaryItem

_STYLE = (
    "body{font:1.1rem/1.55 system-ui,sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem;color:#1d2b2a}"
    "h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem}h3{font-size:1.05rem}p,li{white-space:pre-line}"
    ".small{font-size:.9rem;color:#4a5a58}.note{border-left:.25rem solid #2f7d6d;padding-left:.8rem}"
    "@media print{body{margin:0}article{break-inside:avoid}}"
)


def summary_page(summary: Summary) -> str:
    """The summary as a whole HTML page."""
    clinic = summary.clinic
    emergency = clinic["emergency"]
    asks = "".join(f"<li>{escape(question)}</li>" for question in summary.questions_to_ask)
    body = [
        f"<h1>{escape(summary.title)}</h1>",
        f'<p class="small">{escape(clinic["name"])}, {escape(clinic["phone"])}. Made on {escape(summary.made_on)}.</p>',
        f'<p class="note">{escape(summary.notice)}</p>' if summary.notice else "",
        *(_item(item) for item in summary.items),
        f"<h2>Questions to ask your provider</h2><ul>{asks}</ul>" if asks else "",
        f'<p class="note">{escape(summary.disclaimer)}</p>',
        f'<p class="small">Emergency: call {escape(emergency["emergency"])}. Crisis: call or text '
        f"{escape(emergency['crisis'])}. Poison Control: {escape(emergency['poison'])}.</p>",
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(summary.title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _item(item: SummaryItem) -> str:
    return f"<article><h2>You asked: {escape(item.question)}</h2>{''.join(map(_passage, item.passages))}</article>"


def _passage(passage: Passage) -> str:
    source = escape(passage.source)
    if passage.url.startswith(("https://", "http://")):
        source = f'<a href="{escape(passage.url)}" rel="noreferrer">{source}</a>'
    return (
        f'<h3>{escape(passage.heading)}</h3><p>{escape(passage.text)}</p><p class="small">Source: {source}<br>'
        f"Reviewed: {escape(passage.reviewed_by)}, {escape(passage.reviewed_on)}</p>"
    )
