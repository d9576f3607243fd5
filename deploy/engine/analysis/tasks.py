"""Action items and follow-ups: what somebody takes on, or is asked to do, after the call.

An action item is a promise ("I will send you …", "I need to ask …", "our driver will bring …"), an offer with a date
("I can send a technician tomorrow") or a request ("Please take pictures …", "you will need to sign …"). A follow-up is
a promise of a later contact. Threats and conditions ("if this is not fixed, I will cancel") and what is done within the
call ("I will put that on the calendar", "I will transfer you") are neither.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from deploy.engine.analysis.dates import Spoken, dates_in
from deploy.engine.analysis.messages import Message
from deploy.engine.analysis.questions import sentences_in


def _one_of(phrases: str) -> str:
    """A pattern for any of *phrases*, which commas part."""
    return f"(?:{'|'.join(phrase.strip() for phrase in phrases.split(','))})"


_ADVERBS = (
    f"(?:{_one_of('also, just, then, now, definitely, certainly, personally, absolutely, gladly, quickly')}\\s+"
    r"|go ahead and\s+|be sure to\s+|make sure (?:to|you)\s+)*"
)
_WILL = r"(?:\s+will|'ll|\s+am going to|\s+are going to|'m going to|'re going to|\s+(?:am |are )?gonna|'(?:m|re) gonna)"
_MUST = (
    r"(?:(?:'ll|'d|\s+will|\s+would|'re going to|'m going to)?\s+(?:also\s+)?(?:need to|have to)"
    r"|'ve got to|\s+have got to|\s+gotta|\s+must|\s+should)"
)
#: Deeds that are done later and somewhere else: what may be asked of or offered to somebody.
_DEEDS = _one_of(
    "apply, arrange, ask, book, bring, buy, call, check with, clean, collect, contact, deliver, dig out, dig up, "
    "drop, email, e-mail, fax, file, fill out, fill in, find out, fix, follow up, forward, get approval, get back, "
    "get hold, get in touch, get me, get my, get the, get two, get us, get your, install, leave a, mail, order, pay, "
    "pick up, post, prepare, print, read, refund, register, renew, repair, replace, reply, request, reschedule, "
    "research, return, review, schedule, send, share, ship, sign, stop by, submit, take, talk to, tell him, tell her, "
    "tell my, tell the, tell them, text, update, upload, visit, write"
)
_CALL = r"(?:call|phone|ring|contact|meet|see|visit|reach|catch up with|touch base with|reconnect with)"
_REACH_YOU = (
    rf"(?:{_CALL}\s+you\b(?!\s+(?:a|an|the)\s)|(?:speak|talk|meet|connect)\s+(?:with|to)\s+you\b"
    r"|give\s+you\s+(?:a|another)\s+(?:\w+\s+)?(?:call|ring|shout|buzz)\b|be\s+(?:calling|contacting|phoning|ringing)\s+you\b)"
)
_AGAIN = (
    r"(?:(?:follow|following) up|(?:get|be getting|come) back (?:to|with)|check (?:back|in)\b|touch base|reach out"
    r"|circle back|be in touch|get in touch|(?:call|ring|phone) (?:you |them )?back"
    r"|(?:speak|talk|meet|reconnect|catch up) (?:again|soon|later)"
    r"|be back (?:in touch|with you))"
)
_PERSON = r"(?:(?:Doctor|Dr\.?|Mister|Mr\.?|Mrs\.?|Ms\.?|Miss)\s+)?\b[A-Z]\w+"
_MACHINES = _one_of("system, site, website, app, computer, modem, machine, policy, plan, price, bill, package, bank")
_SOMEBODY = (
    rf"(?:\b(?i:my|our|the|an?)\s+(?!{_MACHINES}\b)\w+(?:\s+\w+)?(?:,\s*(?P<name>[A-Z]\w+),)?"
    r"|\b(?i:one of (?:our|my|the)\s+\w+(?:\s+\w+)?)"
    r"|\b(?i:someone|somebody|a colleague|she|he|they)(?:\s+(?:from|in|at|on)\s+(?:\w+\s+){0,3}?\w+)?"
    rf"|(?!I\b|You\b|We\b|It\b|That\b|This\b|There\b|Nobody\b|Who\b|What\b|When\b){_PERSON})"
)
_HE_WILL = r"(?:\s+will|'ll|\s+is going to|\s+are going to)"
#: What a promise may hold that is no task: states, feelings, what is done on the spot. What of that is one after all.
_NO_DEED = _one_of(
    "be, have, stay, see, need, do, like, think, know, wait, hold, cancel, close, switch, keep, remember, want, try, "
    "believe, leave, get, let, say, tell, go, understand, hope, guess, pay, appreciate, love, hate, note, take it, "
    "take that, take my business, take one, take two, take the offer, take the deal, take a look, take a seat, make a "
    "note, put that, put it, put you, put him, put her, write that, write it, transfer, connect, pass you, pull, "
    "walk, read, explain, show, start, begin, continue, proceed, repeat, spell, open, look it up, look that up, give, "
    "accept, admit, agree, assume, bet, miss, lose, end, never, probably, gladly, dispute, sue, report, complain, "
    "listen, live, come, sit, stop doing, help, assist, check that, check it, check on that, check your, check the "
    "system, verify, confirm that, use, ask you, look forward, take care of that right, sound, work, find another, "
    "find somebody, find someone, find it, call it, call that, call the police, call my lawyer, stick, enjoy, manage, "
    "survive, figure"
)
_NOT_YET = (
    r"(?!(?:be|com|gett|go|hav|hear|leav|look|pay|see|stay|talk|try|wait|watch)ing\b)"  # "I'll be waiting" is none
)
_DEED_AFTER_ALL = (
    r"(?:get (?!to\b|used\b|mad\b|angry\b|it\.?$)\w+|let \w+(?: \w+)? know|be in touch|pay (?:the|it|that|you|my|for)"
    r"|try (?:to|and) (?:call|reach|get|find|send|talk|contact)"
    r"|have (?:it|them|that|this|one|someone|somebody|him|her) \w+"
    r"|have (?:\w+ ){1,3}"
    r"(?:call|send|email|contact|bring|check|look|review|ship|phone|reach|come|fix|sign|prepare|mail|text)\b"
    rf"|be {_NOT_YET}\w+ing (?:you|it|that|this|them|out|over|the|a|an|your)\b|tell (?!you\b)\w+"
    r"|give (?:him|her|them|my|our|the) |leave (?:a|him|her|them|my|our) (?:\w+ )?(?:note|message|voicemail)"
    r"|put (?:in|together|through (?:a|the)|up|out|a (?:note|request|ticket|hold|rush)) "
    r"|find (?:those|them|the|out|my|you)|(?:cancel|close|switch|stop) (?:\w+ ){1,4}for you"
    r"|go (?:to the|by the|over there|and) |start (?:the|a) (?:process|claim|order)"
    r"|read (?:it|that|them|over|through)|open (?:a|the) (?:ticket|case|claim|request)|report (?:it|that|this) to"
    r"|confirm (?:by|with|the)|use the (?:form|link)|help (?:him|her|them|my))"
)
_SOME_DEED = rf"(?!(?:not|never|only|no longer)\b)(?={_DEED_AFTER_ALL}|(?!{_NO_DEED}\b))"
#: What is asked for here and now, as in "please hold" and "please remove that driver and restart".
_NOW = _one_of(
    "hold, wait, stay, hang, stand by, bear, tell me, tell us, confirm, verify, spell, repeat, say, give me, give us, "
    "go, note, open, click, press, push, restart, reboot, turn, switch, try, unplug, plug, type, enter, select, "
    "choose, look, listen, remember, forgive, excuse, accept, be, do, don't, do not, have a, have your, feel, let, "
    "allow, remove, close, speak, slow, stop, continue, describe, check, read me, read it, start, help, come, "
    "understand, keep, state"
)
_LEAD_IN = _one_of("and, so, then, okay, ok, great, sure, perfect, alright, also, yes")
_IN_CALL = re.compile(
    r"\b(?:on hold|on the line|for you here|while (?:you|we|I) (?:wait|are on|hold)|bear with me)\b", re.IGNORECASE
)
_CONDITION = re.compile(r"\b(?:if|unless|otherwise)\b", re.IGNORECASE)
#: "I'll find out if it is there" promises to ask; what follows is no condition.
_EMBEDDED = re.compile(
    r"\b(know|see|check|find out|confirm|verify|tell \w+|wondering|ask(?: \w+){0,3}|check with(?: \w+){1,3})"
    r"\s+(?:if|whether)\b",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r",?\s*\bif (?:you (?:would|could|can|don't mind|do not mind)|possible|that's (?:ok|okay|all right|alright))\b",
    re.IGNORECASE,
)
_CONDITION_FIRST = re.compile(
    r"(?:(?:and|but|so|no|yes|okay|well|now|again|because|look)[, ]+)*(?:if|unless)\b", re.IGNORECASE
)
_THEN_FIRST = re.compile(r"(?:(?:and|well|so)\s+)?then\b", re.IGNORECASE)
#: "I'll ask the manager and call you back": who promises both is said once.
_BOTH = re.compile(
    rf"\b(?P<promise>(?:I|we){_WILL})(?P<first>\s[^,;]+?),?\s+(?:and then|and|then)\s+"
    rf"(?={_REACH_YOU}|{_AGAIN}|{_DEEDS}\b)",
    re.IGNORECASE,
)
_ASKING = re.compile(r"\b(?:do|does|did|what|when|where|how|why|that|who)\s+$", re.IGNORECASE)
_BEFORE_THEN = re.compile(r"\b(?:before|by|until)\s+then\b", re.IGNORECASE)
#: Where a sentence turns to somebody's next deed; recognisers write such turns as commas.
_CLAUSES = re.compile(
    r",?\s+(?:and|but|so)\s+(?=(?:I|we|you|my|our|please)\b)"
    r"|,\s+(?:so\s+|then\s+)?(?=(?:I|we|may I|can I|please|you)\b)|;\s*",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Form:
    """One way to say a task; *needs_date* where without a date it is mere talk, *definitive* where it is a promise."""

    pattern: re.Pattern[str]
    by: str
    score: float
    follow_up: bool = False
    needs_date: bool = False
    definitive: bool = True


def _form(pattern: str, by: str, score: float, **kinds: bool) -> _Form:
    return _Form(re.compile(pattern, 0 if by == "other" else re.IGNORECASE), by, score, **kinds)


#: The first form that fits a clause counts.
_FORMS = (
    _form(
        rf"\b(?P<who>I|we)(?:{_WILL}|\s+can|\s+shall)\s+{_ADVERBS}(?P<deed>(?:{_REACH_YOU}|{_AGAIN}).*)",
        "speaker", 0.95, follow_up=True,
    ),
    _form(
        rf"\b(?:may|can|could|shall)\s+(?:I|we)\s+(?P<deed>(?:{_REACH_YOU}|{_AGAIN}).*)",
        "speaker", 0.95, follow_up=True, needs_date=True, definitive=False,
    ),
    _form(
        r"\b(?:let's|let us|we should|we can|shall we)\s+"
        rf"(?P<deed>(?:{_AGAIN}|(?:speak|talk|meet|have a call|set up a call)\b).*)",
        "speaker", 0.85, follow_up=True, needs_date=True, definitive=False,
    ),
    _form(
        rf"(?P<other>{_SOMEBODY}){_HE_WILL}\s+(?P<deed>(?:{_REACH_YOU}|{_AGAIN}).*)",
        "other", 0.9, follow_up=True,
    ),
    _form(
        rf"(?P<other>{_SOMEBODY}){_HE_WILL}\s+{_ADVERBS}(?P<deed>(?:{_DEEDS})\b.*)",
        "other", 0.8,
    ),
    _form(
        rf"\b(?P<who>I|we){_MUST}\s+{_ADVERBS}(?!take (?:\w+\s+){{1,2}}(?:off|days?)\b)(?P<deed>{_DEEDS}\b.*)",
        "speaker", 0.85, definitive=False,
    ),
    _form(
        rf"\b(?P<who>I|we){_WILL}\s+{_ADVERBS}{_SOME_DEED}(?P<deed>(?!(?:have|need) to\b)\w+.*)",
        "speaker", 0.95,
    ),
    _form(
        rf"\b(?P<who>I|we){_WILL}\s+(?P<deed>do (?:that|it|this|so)\b(?!.*\bnow\b).*)",
        "speaker", 0.8, needs_date=True,
    ),
    _form(
        rf"\b(?P<who>I|we)\s+can\s+{_ADVERBS}(?P<deed>(?:{_DEEDS}|have\s+(?:\w+\s+){{1,3}}\w+|get\s+\w+)\b.*)",
        "speaker", 0.8, needs_date=True, definitive=False,
    ),
    _form(
        r"\b(?P<who>I|we)(?:'m|'re|\s+am|\s+are)\s+(?:also\s+)?"
        r"(?P<deed>(?:sending|emailing|mailing|texting|shipping|faxing)\s+(?:you|it|that|this|the|a)\b.*)",
        "speaker", 0.8,
    ),
    _form(
        rf"(?:\bplease\s+{_ADVERBS}(?!{_NOW}\b)"
        rf"|\b(?:can|could|would|will)\s+you\s+(?:please\s+)?{_ADVERBS}(?={_DEEDS}\b))(?P<deed>\w+.*)",
        "listener", 0.85, definitive=False,
    ),
    _form(
        rf"\byou{_MUST}\s+{_ADVERBS}(?!get back\b|pay\b)(?P<deed>(?:{_DEEDS}|get|have your)\b.*)",
        "listener", 0.8, definitive=False,
    ),
    _form(
        r"\byou\s+(?:could|can)\s+(?:also\s+|just\s+)?"
        r"(?P<deed>(?:send|email|e-mail|text|mail|upload|bring|drop off|fax)\s+(?:me|us|it|them|that|in)\b.*)",
        "listener", 0.8, definitive=False,
    ),
    _form(
        rf"^(?:{_LEAD_IN}[\s,]+)*(?:just|make sure to|make sure you|be sure to|don't forget to|remember to)\s+"
        rf"(?P<deed>{_DEEDS}\b.*)",
        "listener", 0.8, definitive=False,
    ),
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """Something to be done by `speaker`, `listener`, or whoever *by* names otherwise; *due* is in the call's zone."""

    message: Message
    text: str
    deed: str
    by: str
    score: float
    definitive: bool
    due: Spoken | None
    follow_up: bool


def tasks(messages: Sequence[Message], now: datetime) -> list[Task]:
    """Action items and follow-ups in order; *now* is the moment of the call in its own time zone."""
    found: list[Task] = []
    mentioned: Spoken | None = None
    conditional = False
    for message in messages:
        for sentence in sentences_in(message.text):
            found += _in_sentence(message, sentence, now, mentioned, conditional=conditional)
            conditional = _CONDITION.search(sentence) is not None
            mentioned = next(reversed([date for date in dates_in(sentence, now) if date.kind != "now"]), mentioned)
    return found


def _in_sentence(
    message: Message, sentence: str, now: datetime, mentioned: Spoken | None, *, conditional: bool
) -> Iterator[Task]:
    """The tasks of a sentence; with *conditional* the one before it was an "if", which a "then" follows."""
    if _CONDITION_FIRST.match(sentence):
        return
    earlier = ""
    seen: set[bool] = set()
    for clause in _CLAUSES.split(_BOTH.sub(r"\g<promise>\g<first>, and \g<promise> ", _COURTESY.sub("", sentence))):
        hangs = _is_conditional(clause) or (conditional and _THEN_FIRST.match(clause))
        task = None if hangs else _in_clause(message, sentence, clause, now, mentioned)
        if task is not None and task.follow_up not in seen:
            seen.add(task.follow_up)
            if task.due is None and not earlier:
                rest = [date for date in dates_in(sentence, now) if date.kind != "now"]
                task = dataclasses.replace(task, due=rest[-1] if len(rest) == 1 else None)
            yield task
        earlier = clause


def _is_conditional(clause: str) -> bool:
    return _CONDITION.search(_EMBEDDED.sub(r"\1", clause)) is not None


def _in_clause(message: Message, sentence: str, clause: str, now: datetime, mentioned: Spoken | None) -> Task | None:
    if _IN_CALL.search(clause):
        return None
    for form in _FORMS:
        found = form.pattern.search(clause)
        if found is None or ("who" in found.groupdict() and _ASKING.search(clause[: found.start()])):
            continue
        deed = found["deed"].rstrip(" .?!,")
        due = _due(deed, now, mentioned)
        if form.needs_date and due is None:
            continue
        return Task(
            message=message,
            text=sentence,
            deed=deed,
            by=_other(found) if form.by == "other" else form.by,
            score=form.score,
            definitive=form.definitive,
            due=due,
            follow_up=form.follow_up,
        )
    return None


def _other(found: re.Match[str]) -> str:
    """Who else is to do it: the name where one was said, else "my supervisor" and the like."""
    return found["name"] or re.sub(r"^(?:And|But|So|Then)\s+", "", found["other"])


def _due(deed: str, now: datetime, mentioned: Spoken | None) -> Spoken | None:
    if _BEFORE_THEN.search(deed) and mentioned is not None:
        return mentioned
    return next(iter(dates_in(deed, now)), None)
