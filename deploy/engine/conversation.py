"""A conversation in Symbl's shapes: what the Conversation API answers with, from what was heard in its parts.

The texts of all parts stand on one clock (a part begins where the one before it ended) and are analysed together,
each time a part has been heard. Ids follow from the job and the place in the recording, so analysing again changes
none.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from html import escape
from typing import Any, Literal

from deploy.engine import ids
from deploy.engine.analysis.analytics import Talk, analytics, shares, union
from deploy.engine.analysis.entities import Entity, entities, people_in
from deploy.engine.analysis.heard import Heard, Span, Word
from deploy.engine.analysis.messages import Message, sentences
from deploy.engine.analysis.questions import questions
from deploy.engine.analysis.sentiment import label, polarity
from deploy.engine.analysis.summary import summary
from deploy.engine.analysis.tasks import Task, tasks
from deploy.engine.analysis.topics import topics
from deploy.engine.analysis.trackers import Hit, hits, lines
from deploy.engine.instants import iso, parse_instant
from deploy.engine.store import Conversation, Member, Part
from deploy.engine.submission import Submission, TranscriptRequest

Json = dict[str, Any]
SrtPayload = Literal["object", "string"]


def overview(conversation: Conversation) -> Json:
    """The answer to `GET /v1/conversations/{id}`."""
    return {
        "id": conversation.id,
        "type": "meeting",
        "name": conversation.name,
        "startTime": iso(conversation.start_time),
        "endTime": iso(conversation.start_time + timedelta(seconds=conversation.duration_s)),
        "members": [_member(member) for member in conversation.members],
        "metadata": conversation.metadata,
    }


def documents(conversation: Conversation, parts: Sequence[Part]) -> dict[str, Any]:
    """Every kind of result by name, complete with what the reads leave out unless asked.

    What was asked for with the newest part (confidence, entities, phrases, time zone) holds for the whole conversation;
    trackers are those of all parts.
    """
    if not parts:
        return {}
    return _Writer(conversation, parts).documents()


class _Writer:
    def __init__(self, conversation: Conversation, parts: Sequence[Part]) -> None:
        self._conversation = conversation
        self._members = {member.id: member for member in conversation.members}
        self._wish = parts[-1].job.submission
        self._submissions = [part.job.submission for part in parts]
        self._now = call_time(conversation, self._submissions[0])
        self._messages: list[Message] = []
        self._speech: dict[str | None, list[Span]] = defaultdict(list)
        self._words: dict[str | None, int] = defaultdict(int)
        self._duration = 0.0
        for part in parts:
            self._append(part)

    def _append(self, part: Part) -> None:
        """Put a part after those before it."""
        heard, offset = Heard.from_json(part.heard), self._duration
        speakers = {c: self._conversation.merged.get(member, member) for c, member in part.speakers.items()}
        for index, sentence in enumerate(sentences(heard)):
            words = tuple(
                Word(w.text, round(w.start + offset, 3), round(w.end + offset, 3), w.score) for w in sentence.words
            )
            self._messages.append(Message(ids.derived_id(part.job.id, index), speakers.get(sentence.channel), words))
        for track in heard.tracks:
            speaker = speakers.get(track.channel)
            self._speech[speaker] += [(start + offset, end + offset) for start, end in track.speech]
            self._words[speaker] += len(track.words)
        self._duration += heard.duration

    def documents(self) -> dict[str, Any]:
        asked = [
            self._insight("question", q.message, q.text, q.score)
            for q in questions(self._understood)
            if q.score >= self._wish.confidenceThreshold
        ]
        found = [task for task in tasks(self._understood, self._now) if task.score >= self._wish.confidenceThreshold]
        action_items = [self._task("action_item", task) for task in found if not task.follow_up]
        follow_ups = [self._task("follow_up", task) for task in found if task.follow_up]
        return {
            "messages": [self._message(message, found) for message in self._messages],
            "topics": self._topics(),
            "questions": asked,
            "actionItems": action_items,
            "followUps": follow_ups,
            "entities": self._entities() if self._wish.detectEntities else [],
            "trackers": self._trackers([*asked, *action_items, *follow_ups]),
            "analytics": self._analytics(),
            "summary": [
                {"id": self._id("summary", m.id), "text": self._attributed(m), "messageRefs": [{"id": m.id}]}
                for m in summary(self._understood, agreed={task.message.id for task in found})
            ],
        }

    @property
    def _understood(self) -> list[Message]:
        """What the rules can read: English. In other languages there are messages and trackers alone, as with Symbl."""
        return self._messages if self._wish.english else []

    def _id(self, *parts: str) -> str:
        return ids.derived_id(self._conversation.id, *parts)

    def _time(self, seconds: float) -> str:
        return iso(self._conversation.start_time + timedelta(seconds=seconds))

    def _span(self, start: float, end: float) -> Json:
        return {
            "startTime": self._time(start),
            "endTime": self._time(end),
            "timeOffset": round(start, 3),
            "duration": round(end - start, 3),
        }

    def _message(self, message: Message, found: Sequence[Task]) -> Json:
        member = self._members.get(message.speaker or "")
        phrases = [{"type": "action_phrase", "text": task.deed} for task in found if task.message is message]
        number = list(self._members).index(member.id) + 1 if member else None
        return {
            "id": message.id,
            "text": message.text,
            "from": _member(member) if member else {},
            **self._span(message.start, message.end),
            "conversationId": self._conversation.id,
            "phrases": phrases if self._wish.detectPhrases else [],
            "sentiment": _sentiment(message.text),
            "words": [
                {
                    "word": word.text,
                    **self._span(word.start, word.end),
                    "score": round(word.score, 3),
                    **({"speakerTag": number} if number else {}),
                }
                for word in message.words
            ],
        }

    def _topics(self) -> list[Json]:
        members = [member.name for member in self._members.values()]
        names = [*members, *people_in(self._messages, members)]
        return [
            {
                "id": self._id("topic", topic.text),
                "text": topic.text,
                "type": "topic",
                "score": topic.score,
                "messageIds": [message.id for message in topic.messages],
                "sentiment": _mean_sentiment(topic.messages),
                "parentRefs": [{"type": "topic", "text": topic.parent}] if topic.parent else [],
            }
            for topic in topics(self._understood, names=names)
            if topic.score >= self._wish.confidenceThreshold
        ]

    def _insight(self, kind: str, message: Message, text: str, score: float) -> Json:
        member = self._members.get(message.speaker or "")
        return {
            "id": self._id(kind, message.id, text),
            "text": text,
            "type": kind,
            "score": score,
            "messageIds": [message.id],
            "from": _user(member) if member else {},
        }

    def _task(self, kind: str, task: Task) -> Json:
        insight = self._insight(kind, task.message, task.text, task.score)
        sender = insight.pop("from")
        assignee = self._assignee(task)
        name = assignee.get("name")
        named = (
            [{"type": "person", "text": name, "offset": -1, "value": {"assignee": True, "name": name}}] if name else []
        )
        dated = [
            {"type": "date", "text": spoken.text, "offset": task.text.find(spoken.text), "value": iso(spoken.at)}
            for spoken in ([task.due] if task.due else [])
        ]
        return {
            **insight,
            "entities": named + dated,
            "phrases": [{"type": "action_phrase", "text": task.deed}] if self._wish.detectPhrases else [],
            "from": sender,
            "definitive": task.definitive,
            "assignee": assignee,
            **({"dueBy": iso(task.due.at)} if task.due else {}),
        }

    def _assignee(self, task: Task) -> Json:
        if task.by not in {"speaker", "listener"}:
            return {"name": task.by}
        if task.by == "speaker":
            member = self._members.get(task.message.speaker or "")
        else:
            others = [m for m in self._members.values() if m.id != task.message.speaker]
            member = others[0] if task.message.speaker and len(others) == 1 else None
        return _member(member) if member else {}

    def _entities(self) -> list[Json]:
        people = [member.name for member in self._members.values()]
        custom = [(entity.customType, entity.text) for entity in self._wish.entities]
        grouped: dict[tuple[str, str, str], dict[str, list[Entity]]] = defaultdict(lambda: defaultdict(list))
        for entity in entities(self._understood, self._now, people=people, custom=custom):
            grouped[entity.type, entity.sub_type, entity.category][entity.text].append(entity)
        return [
            {
                "id": self._id("entity", type_, sub_type, category),
                "type": type_,
                "subType": sub_type,
                "category": category,
                "matches": [
                    {
                        "detectedValue": text,
                        "value": found[0].value,
                        "messageRefs": [self._reference(e.message, e.offset) for e in found],
                    }
                    for text, found in by_text.items()
                ],
            }
            for (type_, sub_type, category), by_text in grouped.items()
        ]

    def _reference(self, message: Message, offset: int) -> Json:
        return {
            "id": message.id,
            "text": message.text,
            "startTime": self._time(message.start),
            "endTime": self._time(message.end),
            "offset": offset,
        }

    def _trackers(self, insights: Sequence[Json]) -> list[Json]:
        vocabulary: dict[str, list[str]] = {}
        known: dict[str, str] = {}
        for submission in self._submissions:
            for tracker in submission.trackers:
                known |= {tracker.name: tracker.id} if tracker.id else {}
                phrases = vocabulary.setdefault(tracker.name, [])
                phrases += [phrase for phrase in tracker.vocabulary if phrase not in phrases]
        script = lines(self._messages)
        found = ((name, hits(phrases, script)) for name, phrases in vocabulary.items())
        return [
            {
                "id": known.get(name) or self._id("tracker", name),
                "name": name,
                "matches": list(_matches(all_hits, insights)),
            }
            for name, all_hits in found
            if all_hits
        ]

    def _analytics(self) -> Json:
        talks = {speaker: Talk(union(self._speech[speaker]), self._words[speaker]) for speaker in self._speech}
        known = {member: talks[member] for member in self._members if member in talks}
        return {
            "metrics": analytics(list(talks.values()), self._duration),
            "members": [
                {
                    **_user(self._members[member]),
                    "pace": share["pace"],
                    "talkTime": share["talkTime"],
                    "listenTime": share["listenTime"],
                    "overlap": self._overlap(share),
                }
                for member, share in shares(known).items()
            ],
        }

    def _overlap(self, share: Json) -> Json:
        if not share["overlap"]:
            return {}
        return {
            "overlapDuration": round(sum(share["overlap"].values()), 3),
            "overlappingMembers": [
                {
                    **_user(self._members[other]),
                    "percent": round(100 * seconds / share["spoken"], 2),
                    "seconds": seconds,
                }
                for other, seconds in share["overlap"].items()
            ],
        }

    def _attributed(self, message: Message) -> str:
        member = self._members.get(message.speaker or "")
        return f"{member.name}: {message.text}" if member else message.text


def call_time(conversation: Conversation, submission: Submission) -> datetime:
    """When the call began, in the caller's zone: `timezoneOffset` if it was sent, else the offset of `startTime`."""
    if "timezoneOffset" in submission.model_fields_set or submission.startTime is None:
        return conversation.start_time.astimezone(timezone(timedelta(minutes=submission.timezoneOffset)))
    return parse_instant(submission.startTime)


def _member(member: Member) -> Json:
    return {"id": member.id, "name": member.name, **({"email": member.email} if member.email else {})}


def _user(member: Member) -> Json:
    return {"id": member.id, "name": member.name, **({"userId": member.email} if member.email else {})}


def _sentiment(text: str) -> Json:
    score = polarity(text)
    return {"polarity": {"score": score}, "suggested": label(score)}


def _mean_sentiment(messages: Sequence[Message]) -> Json:
    score = round(sum(polarity(message.text) for message in messages) / len(messages), 3)
    return {"polarity": {"score": score}, "suggested": label(score)}


def _matches(found: Iterable[Hit], insights: Sequence[Json]) -> Iterator[Json]:
    by_value: dict[str, list[Hit]] = defaultdict(list)
    for hit in found:
        by_value[hit.said.lower()].append(hit)
    for value, same in by_value.items():
        yield {
            "type": "vocabulary",
            "value": value,
            "messageRefs": [{"id": h.message.id, "text": h.message.text, "offset": h.offset} for h in same],
            "insightRefs": [
                {
                    "id": insight["id"],
                    "type": insight["type"],
                    "text": insight["text"],
                    "offset": insight["text"].find(hit.said),
                }
                for hit in same
                for insight in insights
                if hit.message.id in insight["messageIds"] and hit.said in insight["text"]
            ],
        }


def legacy_entities(found: Sequence[Json]) -> list[Json]:
    """Entities in the shape of 2022, the only one that the Python SDK can read."""
    return [
        {
            "type": entity["type"],
            "value": match["value"],
            "text": match["detectedValue"],
            "messageRefs": [{name: ref[name] for name in ("id", "text", "offset")} for ref in match["messageRefs"]],
            **({"customType": entity["type"]} if entity["category"] == "Custom" else {}),
        }
        for entity in found
        for match in entity["matches"]
    ]


def transcript(messages: Sequence[Json], wish: TranscriptRequest, *, srt_payload: SrtPayload = "object") -> Json:
    """The answer to `POST …/transcript`: a string for Markdown, an object for SRT, as Symbl's reference had it."""
    if wish.contentType == "text/srt":
        content = _srt(messages, speakers=wish.showSpeakerSeparation)
        if srt_payload == "string":
            return {"transcript": {"payload": content, "contentType": "text/srt"}}
        return {"transcript": {"payload": {"content": content, "contentType": "text/srt"}}}
    lines = [_marked_line(message, wish) for message in messages]
    if wish.createParagraphs:
        lines = list(_paragraphs(messages, lines))
    if wish.showSpeakerSeparation and not wish.createParagraphs:
        lines = [_named(message, line) for message, line in zip(messages, lines, strict=True)]
    return {"transcript": {"payload": "<br/><br/>".join(lines), "contentType": "text/markdown"}}


def _marked_line(message: Json, wish: TranscriptRequest) -> str:
    text = escape(message["text"], quote=False)
    if wish.phrases.highlightAllKeyPhrases or wish.phrases.highlightOnlyInsightKeyPhrases:
        for phrase in message["phrases"]:
            inner = escape(phrase["text"], quote=False)
            text = text.replace(inner, f"<mark>{inner}</mark>")
    return text


def _paragraphs(messages: Sequence[Json], lines: Sequence[str]) -> Iterator[str]:
    """Neighbouring sentences of one speaker as one paragraph."""
    gathered: list[str] = []
    for index, (message, line) in enumerate(zip(messages, lines, strict=True)):
        gathered.append(line)
        if index + 1 == len(messages) or messages[index + 1]["from"] != message["from"]:
            yield _named(message, " ".join(gathered))
            gathered = []


def _named(message: Json, line: str) -> str:
    name = message["from"].get("name")
    return f"{escape(name, quote=False)}: {line}" if name else line


def _srt(messages: Sequence[Json], *, speakers: bool) -> str:
    return "\n".join(
        f"{number}\n{_stamp(message['timeOffset'])} --> {_stamp(message['timeOffset'] + message['duration'])}\n"
        f"{_named(message, message['text']) if speakers else message['text']}\n"
        for number, message in enumerate(messages, 1)
    )


def _stamp(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02},{rest % 1000:03}"
