"""How to tell an article from what stands around it: menus, banners, bylines, forms, promotion, comments, footers.

General rules about wording and shape, not about one site. Everything here looks at one line or one sentence.
"""

from __future__ import annotations

import re

_I = re.IGNORECASE

_ENTRIES = """home|menu|main menu|search|search...|search for:|close|open menu|toggle navigation|toggle menu|navigation|skip navigation|about|
    about us|about me|our story|our team|our doctors|our providers|meet the team|team|staff|services|our services|treatments|
    conditions|conditions we treat|conditions treated|what we treat|locations|location|contact|contact us|contact me|get in touch|
    directions|blog|our blog|news|resources|patient resources|patient forms|patient portal|new patients|for patients|forms|
    insurance|payment options|pay online|pay my bill|pay bill|billing|education|videos|faq|faqs|faq videos|careers|testimonials|
    reviews|gallery|events|podcast|press|shop|store|cart|my cart|basket|checkout|account|my account|members|login|log in|
    log in / sign up|sign in|sign up|register|logout|book|book now|book online|book a call|book a visit|schedule|schedule now|
    schedule online|request appointment|request an appointment|make an appointment|appointments|get started|learn more|read more|
    see all|view all|see more|show more|load more|more|all posts|all|latest posts|recent posts|categories|archives|tags|privacy|
    privacy policy|privacy notice|cookie policy|cookie settings|terms|terms of use|terms of service|terms & conditions|
    terms and conditions|legal|disclaimer|accessibility|accessibility statement|sitemap|site map|hipaa notice|notice of privacy practices|
    facebook|instagram|twitter|x|linkedin|youtube|pinterest|tiktok|whatsapp|telegram|reddit|email|e-mail|print|share|tweet|pin|pin it|
    save|copy link|link copied|like|likes|follow|follow us|follow me|connect|connect with us|stay connected|social|quick links|
    useful links|links|subscribe|newsletter|donate|download|previous|next|prev|back|back to top|top|top of page|bottom of page|footer|
    site footer|header|site header|sidebar|primary sidebar|reader interactions|advertisement|sponsored|ad|submit|send|cancel|ok|accept|
    accept all|reject all|decline|got it|manage preferences|dismiss|play|pause|loading|loading...|english|español|en|es|opens in a new tab|
    edit|hours|office hours|opening hours|our office|our hours|use tab to navigate through the menu items.|#"""
NAVIGATION = frozenset(entry.strip() for entry in _ENTRIES.split("|"))
"""Whole lines that are menus, buttons and labels of a web page, lower case."""

_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
DATE = rf"(?:{_MONTH}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?|\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}\.?,?\s+\d{{4}}|\d{{4}}-\d\d-\d\d|\d{{1,2}}[/.]\d{{1,2}}[/.]\d{{2,4}})"
PHONE = r"(?:\+?1[\s.-]?)?(?:\(\d{3}\)\s?|\d{3}[\s.-])\d{3}[\s.-]\d{4}"

DAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun)\.?)"

_BYLINE = re.compile(
    rf"^(?:(?:posted|published|updated|last (?:updated|reviewed|modified)|reviewed|date)(?:\s+on)?\s*:?\s*)?{DATE}\b.{{0,90}}(?<![.!?])$"
    r"|^(?:by|author|written by|posted by|published by|words by|reviewed by|fact checked by|edited by)\b:?\s+(?-i:[A-Z]).{0,80}(?<![.!?:])$"
    r"|^(?:by|written by|posted by|reviewed by|author)\b:?\s+(?-i:[A-Z]).{0,60}\b"
    r"(?:MD|M\.D|DO|D\.O|RN|NP|PA-C|PhD|Ph\.D|DC|LAc|CNS|RD)\.?$"
    r"|^medically reviewed(?: by)?\b.{0,80}$"
    r"|^\d{1,2}\s*(?:-\s*)?min(?:ute)?s?\.?\s+read\b.{0,40}$|^(?:reading|read) time\b.{0,40}$|^updated:.{0,40}$"
    rf"|^by\s*(?://|\|).{{0,80}}$|^(?-i:[A-Z])[\w.'\u2019 -]{{2,40}}\s*[|•·/,-]+\s*{DATE}.{{0,60}}(?<![.!?])$",
    _I,
)
_LINE = re.compile(
    r"^(?:skip to\b|jump to\b).{0,60}$"
    r"|^(?:you are here|breadcrumbs?)\b.{0,200}$"
    r"|^home\s*(?:[>»›/|→\\]|&gt;|::).{0,200}$"
    r"|^.{0,60}\S\s*[»›]\s*\S.{0,120}$"
    r"|^(?:share (?:this|on|via|the|with|to)\b|click to share|tweet this|pin this|print this|email this|save this).{0,60}$"
    r"|^(?:share|follow|tweet|like|print|email|pin)(?:\s*[:|,/•·]?\s*(?:share|tweet|pin|print|email|facebook|twitter|x|linkedin|instagram|pinterest|whatsapp|us|on|it))+:?$"
    r"|^(?:categor(?:y|ies)|tags?|tagged(?: with| as)?|filed under|posted in|topics|keywords)\s*:.{0,300}$"
    r"|^(?:filed under|posted in|tagged)\b.{0,200}(?<![.!?])$"
    r"|^(?:(?:«|←|‹|<<)\s*.{0,160}|.{0,160}\s*(?:»|→|›|>>))$"
    r"|^(?:previous|next|older|newer)\s+(?:post|article|story|entry|page|posts|articles)s?\b.{0,250}$"
    r"|^(?:read|learn|see|view|show|find out|discover)\s+(?:more|all|next|also|related)\b[^.!?]{0,90}[.…»→>]*$"
    r"|^(?:continue reading|keep reading|click here|tap here|download (?:our|the|your) (?:free )?(?:guide|e-?book|pdf|checklist|brochure))\b.{0,120}$"
    r"|^.{0,60}\((?:required|optional)\)\s*\*?$"
    r"|^(?:your |first |last |full |user)?(?:name|e-?mail(?: address)?|phone(?: number)?|message|website|subject|zip(?: code)?|date of birth|comment|first name|last name)\s*(?:\*|\(.{0,20}\)|:)*$"
    r"|^(?:this|that) field is for validation\b.{0,80}$|^this field (?:is|should)\b.{0,60}$|^captcha\b.{0,60}$|^required fields are marked\b.{0,20}$"
    r"|^your e-?mail address will not be published\b.{0,60}$|^save my name, e-?mail\b.{0,120}$|^by submitting\b.{0,200}$|^\*?\s*indicates required.{0,30}$"
    r"|^(?:©|\(c\)|copyright\b).{0,200}$|^.{0,120}\ball rights reserved\b.{0,120}$"
    r"|^(?:powered|designed|built|website|site|web design)\s+(?:by|with|designed by)\b.{0,80}$|^proudly (?:powered|created)\b.{0,60}$|^theme by\b.{0,60}$"
    r"|^.{0,80}\b(?:logo|banner image|featured image|hero image|stock photo|placeholder image)\.?$"
    r"|^(?:image|photo|picture|photo credit|image credit|image source|source: (?:getty|istock|shutterstock))s?\s*(?:by|:|courtesy).{0,120}$"
    r"|^\d+\s+(?:views?|likes?|shares?|comments?|replies|responses?)\b.{0,40}$|^(?:0|no|\d+)\s+comments?$"
    r"|^(?:leave|post|write|add) a (?:comment|reply|review)\b.{0,40}$"
    rf"|^{DAY}\s*(?:(?:-|–|to|through|thru|&|and|,)\s*{DAY})?\s*:?\s*(?:closed|\d{{1,2}}(?::\d\d)?\s*(?:a|p)\.?m?\.?.{{0,40}})?$"
    r"|^\d{1,2}(?::\d\d)?\s*(?:am|pm|a\.m\.|p\.m\.)\s*(?:-|–|to)\s*\d{1,2}(?::\d\d)?\s*(?:am|pm|a\.m\.|p\.m\.)\.?$"
    rf"|^(?:(?:call|phone|tel|telephone|fax|text|office|t|p|f|ph|call us|call today)\b[^A-Za-z0-9]{{0,5}}(?:us at|now|today|at)?[^A-Za-z0-9]{{0,4}})?{PHONE}(?:\s*(?:fax|phone|office|x\d+))?$"
    r"|^\d{1,5}\s+(?:(?-i:[A-Z])[\w.'-]*\s+){1,4}(?:street|st|avenue|ave|road|rd|drive|dr|boulevard|blvd|lane|ln|way|parkway|pkwy|highway|hwy)\b\.?(?:,.{0,80}|\s+(?:suite|ste|unit|apt|#).{0,60})?$"
    r"|^[A-Z][\w .'-]{1,40},\s*(?-i:[A-Z]{2})\s+\d{5}(?:-\d{4})?$"
    r"|^[\w.+-]+@[\w-]+\.[\w.]+$|^(?:https?://|www\.)\S+$"
    r"|^(?:image|video|audio|photo|advertisement|sponsored|related|comments?|loading)\s*:?\s*\.{0,3}$"
    r"|^(?:log ?in|sign ?in|register|sign up)\b[^.!?]{0,60}$|^forgot (?:your )?password\b.{0,20}$"
    r"|^(?:table of contents|contents|in this article|in this post|on this page|toc)\s*:?$",
    _I,
)
_COOKIE = re.compile(
    r"\b(?:use|uses|using|store|stores|set|sets|accept|reject|manage|allow)\s+(?:(?:all|our|some|necessary|essential|third-party|optional)\s+)?cookies\b"
    r"|\bcookies? (?:consent|preferences|settings|policy|notice)\b|\bcookies (?:to|and similar|on (?:this|our|your)|help us)\b[^.]{0,80}\b(?:site|website|browser|experience|traffic|services)\b"
    r"|\bby (?:continuing|using|browsing)\b[^.]{0,60}\b(?:site|website)\b[^.]{0,60}\b(?:agree|accept|consent)\b"
    r"|\bjavascript\b[^.]{0,60}\b(?:enable|enabled|disabled|required|browser)\b|\benable javascript\b",
    _I,
)
_SELF_NAMED = re.compile(r"^\W*(?:medical |legal |general |health )?discl\w{3,6}r\b\s*(?:[:.–—-]|$)", _I)
_DISCLAIMER = re.compile(
    r"\b(?:for|are|is)\b[^.]{0,40}\b(?:informational|educational|information)\b[^.]{0,40}\bpurposes? only\b"
    r"|\b(?:not|never)\b[^.]{0,60}\bsubstitute for (?:professional |personal )*(?:medical )(?:advice|care)\b"
    r"|\bthese statements have not been evaluated by the (?:food and drug|fda)\b|\bnot intended to (?:diagnose, treat|diagnose or treat)\b"
    r"|\bdoes not (?:create|establish|constitute) an? (?:doctor|physician|provider|patient|medical)\b",
    _I,
)
_SUBSCRIBE = re.compile(
    r"^\W*(?:please )?(?:subscribe|sign up)\b[^.!?]{0,60}\b(?:newsletter|mailing list|e-?mails?|updates|inbox|posts|blog|channel|today|below|here)\b"
    r"|^\W*(?:please )?join (?:our|the|my) (?:[\w-]+ ){0,3}(?:newsletter|mailing list|e-?mail list|list|facebook group)\b"
    r"|^\W*(?:enter|type in) your e-?mail\b|\b(?:delivered|straight|right|direct(?:ly)?) (?:straight |right )?(?:in)?to your inbox\b"
    r"|^(?:get|receive)\b[^.!?]{0,60}\b(?:newsletter|in your inbox|by e-?mail)\b|\bunsubscribe (?:at )?any\s?time\b"
    r"|\bfollow us on (?:facebook|instagram|twitter|x|linkedin|youtube|social|tiktok)\b|\blike us on facebook\b"
    r"|\bwe(?: will|'ll|\u2019ll)? (?:never|don't|don\u2019t|won't|won\u2019t|hate) (?:share your e-?mail|spam)\b",
    _I,
)
_US = r"(?:us|me|our (?:office|clinic|team|practice|staff|specialists?|providers?|experts?))"
_PITCH = re.compile(
    rf"\b(?:contact|call|e-?mail|text|message|visit|reach out to|get in touch with|speak (?:to|with)|talk to)\s+{_US}\b[^.!?]{{0,30}}"
    r"(?:\b(?:today|now|to (?:order|buy|purchase|schedule|book|make|set up|learn|find out|get started|request|discuss|see (?:if|how)|discover|start)"
    r"|for (?:an? (?:[\w-]+ )?(?:appointment|consult\w*|quote|assessment)|more (?:info\w*|details)|pricing|details|availability))\b)"
    rf"|^(?:please |so |just )?(?:contact|call|e-?mail|text|message) {_US}(?: (?:at|on) [^.!?]{{0,40}})?\W*$"
    r"|\b(?:schedule|book|request|reserve|set up|claim)\s+(?:a|an|your|my|our)\s+(?:[\w-]+\s+){0,4}"
    r"(?:appointment|consultation|consult|call|visit|session|assessment|evaluation|spot|seat|screening)\b[^.!?]{0,40}\b(?:today|now|here|online|with (?:us|me|our)|below)\b"
    r"|^(?:please |so |just )?(?:book|order|buy|shop|enroll|register|sign up|schedule|call|apply|act|donate)\s+(?:now|today|here|yours|online)\b"
    r"|^(?:please |just )?(?:book|schedule|request|claim|order|buy|get|download) (?:your|a|an|our) (?:free )?(?:[\w-]+ ){0,3}(?:appointment|consultation|consult|call|test|kit|copy|guide|e-?book)\W*$"
    r"|\b(?:click|tap) (?:here|below|the (?:link|button))\b|\b(?:use|enter) (?:promo |discount |coupon )?code\b|\b\d{1,2}% off\b"
    r"|\bfree (?:shipping|consultation|consult|discovery call|trial offer|quote|e-?book|masterclass|webinar)\b"
    r"|\b(?:limited[- ]time offer|money[- ]back guarantee|while supplies last|add to cart)\b"
    r"|\bwe(?:'re| are|\u2019re) (?:now )?(?:accepting|welcoming|taking) new patients\b|\b(?:in|from|at|visit) our (?:online )?(?:store|shop)\b",
    _I,
)
_POINTER = re.compile(r"^(?:a |see |an )?(?:sample|example|see|pictured|shown|order form|link)s?(?: \w+){0,2} (?:below|above)\W*$", _I)
_ORDER = re.compile(r"^(?:please )?(?:order|buy|shop|purchase|book|schedule|get yours?)\b[^.!?]{0,50}(?:here|now|today|online|below|us)\W*$", _I)

HARD_END = re.compile(
    r"^(?:\d+\s+|no\s+|0\s+)?(?:reader )?(?:comments?|replies|responses)(?:\s*(?:\(\d+\)|:|\d+))?(?: are (?:closed|off).{0,30})?$"
    r"|^(?:\d+|one|two|three|no) (?:thoughts?|comments?|responses?|replies) (?:on|to)\b.{0,200}$"
    r"|^(?:leave|post|write|add|submit) a (?:comment|reply|response)\b.{0,60}$|^join the (?:conversation|discussion)\b.{0,30}$|^cancel reply$|^write a comment.{0,5}$"
    r"|^(?:site )?footer$|^reader interactions$|^primary sidebar$|^bottom of page$"
    r"|^(?:©|\(c\)\s|copyright\b).{0,200}$|^.{0,120}\ball rights reserved\b.{0,120}$"
    r"|^(?:previous|next|older|newer)\s+(?:post|article|entry)\b.{0,250}$|^post navigation$"
    r"|^name\s*\((?:required)\).{0,10}$|^this field is for validation\b.{0,80}$|^your e-?mail address will not be published\b.{0,60}$",
    _I,
)
SOFT_END = re.compile(
    r"^(?:related|recent|latest|popular|similar|more|other|featured|trending)\s+(?:posts?|articles?|stories|reading|reads|blogs?|news|topics|pages|content|from (?:the|our) blog)\b.{0,40}$"
    r"|^(?:you (?:may|might) (?:also )?(?:like|enjoy|be interested)|people also (?:read|ask)|read (?:next|also)|keep reading|what to read next|more from|more (?:like this|to explore))\b.{0,60}$"
    r"|^(?:about the (?:author|writer|clinic|practice)|about (?:dr\.?|our (?:clinic|practice|team))\b.{0,40}|meet the (?:author|team|doctor)|author(?: bio)?|author profile)\s*:?$"
    r"|^(?:categor(?:y|ies)|tags?|filed under|posted in)\s*:?.{0,200}$"
    r"|^(?:subscribe|newsletter|stay (?:connected|in touch|informed|updated)|sign up|join our|get in touch|contact us|contact(?: info(?:rmation)?)?|follow us|connect with us|quick links|our (?:locations?|office|hours|services)|office hours|hours|visit us|find us|request an appointment|book (?:an appointment|now|online))\b[^.?]{0,60}$"
    r"|^(?:archives|recent comments|search|share this(?: post| article| story| page)?:?.{0,60}|shop (?:our|the|now)\b.{0,60})$",
    _I,
)


def is_byline(text: str) -> bool:
    """Author, date or reading-time line."""
    return bool(_BYLINE.match(text))


def is_navigation(text: str) -> bool:
    """A menu entry, button or label that stands for a whole line."""
    return text.casefold().strip(" |•·:»›>-–") in NAVIGATION or not re.search(r"\w", text)


def is_furniture(text: str) -> bool:
    """A line that belongs to the page and not to its article, wherever it stands."""
    return is_navigation(text) or bool(_LINE.match(text)) or is_byline(text) or _strip_of_links(text)


def is_notice(sentence: str) -> bool:
    """A sentence of a cookie banner, a newsletter box or a legal disclaimer."""
    return bool(_COOKIE.search(sentence) or _SUBSCRIBE.search(sentence) or _DISCLAIMER.search(sentence))


def starts_disclaimer(text: str) -> bool:
    """A paragraph that calls itself a disclaimer."""
    return bool(_SELF_NAMED.match(text))


def _strip_of_links(text: str) -> bool:
    """`Home | About | Contact`: short pieces between bars or bullets, two or more of them menu entries."""
    pieces = [piece.strip() for piece in re.split(r"\s*[|•·]\s*|\s{3,}", text) if piece.strip()]
    known = sum(piece.casefold() in NAVIGATION for piece in pieces)
    return len(pieces) > 1 and known >= 2 and known * 2 >= len(pieces)


def is_pitch(sentence: str) -> bool:
    """A sentence that sells: order, book, call us, click here. Short ones only; a long sentence says something else too."""
    text = sentence.strip()
    if len(text.split()) > 30:
        return False
    return bool(_POINTER.match(text) or _ORDER.match(text) or _PITCH.search(text))
