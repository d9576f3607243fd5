"""The Conversation API's results, in the shapes that Symbl's clients read."""

import re

import pytest

from tests.contract.engine.stage import TRACKER, TURNS, Stage, StageFactory

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
KINDS = {
    "messages": {"messages": []},
    "topics": {"topics": []},
    "questions": {"questions": []},
    "action-items": {"actionItems": []},
    "follow-ups": {"followUps": []},
    "entities": {"entities": []},
    "analytics": {"metrics": [], "members": []},
    "trackers": [],
    "trackers-detected": [],
}


@pytest.mark.parametrize(("kind", "empty"), KINDS.items())
def test_before_a_job_is_done_every_read_is_empty_but_good(idle_stage: Stage, kind: str, empty: object) -> None:
    conversation_id, _ = idle_stage.submit("http://media.example/x")
    assert idle_stage.get(f"/v1/conversations/{conversation_id}/{kind}") == empty


def test_the_summary_is_404_until_the_job_is_done(stage: Stage) -> None:
    conversation_id, _ = stage.submit(stage.recording("call"))
    assert stage.ask("GET", f"/v1/conversations/{conversation_id}/summary").status_code == 404
    stage.engine.run_pending()
    assert stage.ask("GET", f"/v1/conversations/{conversation_id}/summary").status_code == 200


def test_messages_are_sentences_of_all_channels_in_order(stage: Stage) -> None:
    path = stage.analysed()
    messages = stage.get(f"{path}/messages")["messages"]
    assert [message["text"] for message in messages[:4]] == [
        "Thank you for calling the shop, this call is recorded.",
        "How can I help you?",
        "My coffee machine is broken.",
        "I want a refund, this is terrible.",
    ]
    assert [m["timeOffset"] for m in messages] == sorted(m["timeOffset"] for m in messages)


def test_a_message_has_the_documented_members(stage: Stage) -> None:
    """Words and sentiment only when asked for."""
    path = stage.analysed()
    message = stage.get(f"{path}/messages")["messages"][0]
    assert list(message) == [
        "id",
        "text",
        "from",
        "startTime",
        "endTime",
        "timeOffset",
        "duration",
        "conversationId",
        "phrases",
    ]
    assert message["id"].isdecimal()
    assert INSTANT.fullmatch(message["startTime"])
    assert message["startTime"] == "2026-11-20T09:00:00.500Z"
    full = stage.get(f"{path}/messages?verbose=true&sentiment=true")["messages"][3]
    assert full["sentiment"]["suggested"] == "negative"
    assert set(full["words"][0]) == {"word", "startTime", "endTime", "timeOffset", "duration", "score", "speakerTag"}
    assert full["words"][0]["timeOffset"] == full["timeOffset"]


def test_without_channels_nobody_is_named(stage: Stage) -> None:
    path = stage.analysed(enableSeparateRecognitionPerChannel=False)
    assert {str(message["from"]) for message in stage.get(f"{path}/messages")["messages"]} == {"{}"}
    assert stage.get(f"{path}/members") == {"members": []}


def test_diarization_wins_over_channels(stage: Stage) -> None:
    """As with Symbl, where both are asked for: speakers are numbered as they begin, and have no channel's name."""
    path = stage.analysed(enableSpeakerDiarization=True, diarizationSpeakerCount=2)
    members = stage.get(f"{path}/members")["members"]
    assert [(member["name"], member.get("email")) for member in members] == [("Speaker 1", None), ("Speaker 2", None)]
    messages = stage.get(f"{path}/messages?verbose=true")["messages"]
    assert [message["from"]["name"] for message in messages] == [f"Speaker {n}" for n in (1, 1, 2, 2, 1, 2, 1, 1)]
    assert {word["speakerTag"] for word in messages[2]["words"]} == {2}
    talks = stage.get(f"{path}/analytics")["members"]
    assert [talk["talkTime"]["seconds"] for talk in talks] == [10.5, 6.0]


def test_a_part_added_later_numbers_its_speakers_on(stage: Stage) -> None:
    """Nobody knows whether they are the same people: who does gives them the same e-mail address."""
    path = stage.analysed(enableSpeakerDiarization=True, diarizationSpeakerCount=2)
    stage.submit(stage.outside.url("/call"), path.rpartition("/")[2], enableSpeakerDiarization=True)
    stage.engine.run_pending()
    members = stage.get(f"{path}/members")["members"]
    assert [member["name"] for member in members] == [f"Speaker {n}" for n in (1, 2, 3, 4)]


def test_questions_link_to_what_was_asked(stage: Stage) -> None:
    path = stage.analysed()
    messages = {message["id"]: message for message in stage.get(f"{path}/messages")["messages"]}
    questions = stage.get(f"{path}/questions")["questions"]
    assert [question["text"] for question in questions] == ["How can I help you?", "What does the coffee machine cost?"]
    question = questions[1]
    assert list(question) == ["id", "text", "type", "score", "messageIds", "from"]
    assert question["from"] == {"id": question["from"]["id"], "name": "Carl Caller", "userId": "carl@mail.example"}
    assert messages[question["messageIds"][0]]["text"] == question["text"]


def test_an_action_item_names_who_and_when(stage: Stage) -> None:
    path = stage.analysed()
    [item] = stage.get(f"{path}/action-items")["actionItems"]
    assert item["text"] == "I will send you a new coffee machine tomorrow."
    assert item["type"] == "action_item"
    assert item["definitive"] is True
    assert item["from"]["userId"] == item["assignee"]["email"] == "ann@shop.example"
    assert item["dueBy"] == "2026-11-21T11:00:00.000Z"  # noon there, an hour east of Greenwich
    assert item["phrases"] == [{"type": "action_phrase", "text": "send you a new coffee machine tomorrow"}]
    assert {entity["type"]: entity["value"] for entity in item["entities"]} == {
        "person": {"assignee": True, "name": "Ann Agent"},
        "date": "2026-11-21T11:00:00.000Z",
    }


def test_a_follow_up_is_no_action_item(stage: Stage) -> None:
    path = stage.analysed()
    [item] = stage.get(f"{path}/follow-ups")["followUps"]
    assert (item["text"], item["type"], item["dueBy"]) == (
        "I will call you on Monday.",
        "follow_up",
        "2026-11-23T11:00:00.000Z",
    )


def test_the_time_zone_of_the_request_wins_over_that_of_the_start(stage: Stage) -> None:
    path = stage.analysed(timezoneOffset=-300)
    [item] = stage.get(f"{path}/action-items")["actionItems"]
    assert item["dueBy"] == "2026-11-21T17:00:00.000Z"


def test_confidence_leaves_out_what_is_less_sure(stage: Stage) -> None:
    path = stage.analysed(confidenceThreshold=1.0)
    for kind, key in (
        ("questions", "questions"),
        ("action-items", "actionItems"),
        ("follow-ups", "followUps"),
        ("topics", "topics"),
    ):
        assert stage.get(f"{path}/{kind}")[key] == []


def test_topics_have_sentiment_and_parents_only_on_request(stage: Stage) -> None:
    path = stage.analysed()
    bare = stage.get(f"{path}/topics")["topics"][0]
    assert bare["text"] == "coffee machine"
    assert list(bare) == ["id", "text", "type", "score", "messageIds", "parentRefs"]
    assert bare["parentRefs"] == []
    assert "polarity" in stage.get(f"{path}/topics?sentiment=true")["topics"][0]["sentiment"]


def test_a_topic_of_a_kind_names_its_parent(stage: Stage) -> None:
    turns = [
        {"channel": "left", "start": 1, "end": 4, "text": "The payment plan is new. A plan is good."},
        {"channel": "right", "start": 5, "end": 8, "text": "The payment plan is new. The plan is old."},
    ]
    conversation_id, _ = stage.submit(stage.recording("plans", turns))
    stage.engine.run_pending()
    topics = stage.get(f"/v1/conversations/{conversation_id}/topics?parentRefs=true")["topics"]
    assert {topic["text"]: topic["parentRefs"] for topic in topics}["payment plan"] == [
        {"type": "topic", "text": "plan"}
    ]


def test_trackers_are_a_bare_array_at_both_paths(stage: Stage) -> None:
    path = stage.analysed()
    [tracker] = stage.get(f"{path}/trackers")
    assert tracker["name"] == "Refund"
    [match] = tracker["matches"]
    assert (match["type"], match["value"], match["insightRefs"]) == ("vocabulary", "refund", [])
    [ref] = match["messageRefs"]
    assert (ref["text"], ref["offset"]) == ("I want a refund, this is terrible.", 9)
    assert stage.get(f"{path}/trackers-detected") == [tracker]


def test_a_tracker_in_an_insight_refers_to_it(stage: Stage) -> None:
    path = stage.analysed(trackers=[{"name": "Machine", "vocabulary": ["coffee machine"]}])
    [tracker] = stage.get(f"{path}/trackers")
    kinds = {ref["type"] for match in tracker["matches"] for ref in match["insightRefs"]}
    assert kinds == {"question", "action_item"}


def test_entities_come_in_the_newer_shape(stage: Stage) -> None:
    path = stage.analysed(entities=[{"customType": "product", "text": "coffee machine"}])
    entities = {(entity["type"], entity["category"]): entity for entity in stage.get(f"{path}/entities")["entities"]}
    money = entities["money", "Managed"]
    [match] = money["matches"]
    assert match["detectedValue"] == "eighty dollars"
    [ref] = match["messageRefs"]
    assert (ref["text"], ref["offset"]) == ("It is eighty dollars.", 6)
    assert ("product", "Custom") in entities


def test_entities_come_in_the_older_shape_by_setting(make_stage: StageFactory) -> None:
    stage = make_stage(entities_shape="legacy")
    path = stage.analysed()
    money = next(entity for entity in stage.get(f"{path}/entities")["entities"] if entity["type"] == "money")
    assert (money["text"], money["value"]) == ("eighty dollars", "eighty dollars")
    assert set(money["messageRefs"][0]) == {"id", "text", "offset"}


def test_entities_and_phrases_are_found_only_on_request(stage: Stage) -> None:
    path = stage.analysed(detectEntities=False, detectPhrases=False)
    assert stage.get(f"{path}/entities") == {"entities": []}
    assert all(message["phrases"] == [] for message in stage.get(f"{path}/messages")["messages"])


def test_analytics_follow_the_voice(stage: Stage) -> None:
    """Metrics in the order that clients index; `percent` there, `percentage` with members; an empty overlap is `{}`."""
    path = stage.analysed()
    analytics = stage.get(f"{path}/analytics")
    assert analytics["metrics"] == [
        {"type": "total_silence", "percent": 20.0, "seconds": 4.0},
        {"type": "total_talk_time", "percent": 80.0, "seconds": 16.0},
        {"type": "total_overlap", "percent": 2.5, "seconds": 0.5},
    ]
    agent, caller = analytics["members"]
    assert list(agent) == ["id", "name", "userId", "pace", "talkTime", "listenTime", "overlap"]
    assert agent["talkTime"] == {"percentage": 65.62, "seconds": 10.5}
    assert agent["listenTime"] == {"percentage": 34.38, "seconds": 5.5}
    words = sum(len(str(turn["text"]).split()) for turn in TURNS if turn["channel"] == "left")
    assert agent["pace"] == {"wpm": round(words / (10.5 / 60))}
    assert agent["overlap"]["overlapDuration"] == 0.5
    assert agent["overlap"]["overlappingMembers"][0]["id"] == caller["id"]
    alone = stage.analysed(trackers=[TRACKER], channelMetadata=[])
    assert stage.get(f"{alone}/analytics")["members"][0]["name"] == "Speaker 1"


def test_nobody_talked_over_is_an_empty_overlap(stage: Stage) -> None:
    turns = [{"channel": "left", "start": 1, "end": 4, "text": "Is anybody there?"}]
    conversation_id, _ = stage.submit(stage.recording("alone", turns), enableSeparateRecognitionPerChannel=True)
    stage.engine.run_pending()
    [member] = stage.get(f"/v1/conversations/{conversation_id}/analytics")["members"]
    assert member["overlap"] == {}


def test_the_summary_quotes_and_links(stage: Stage) -> None:
    turns = [
        {
            "channel": "left",
            "start": i * 4.0,
            "end": i * 4.0 + 3,
            "text": f"The water heater number {i} has a broken valve today.",
        }
        for i in range(4)
    ]
    conversation_id, _ = stage.submit(stage.recording("long", turns))
    stage.engine.run_pending()
    answer = stage.ask("GET", f"/v1/conversations/{conversation_id}/summary")
    summary = answer.get_json()["summary"]
    ids = {message["id"] for message in stage.get(f"/v1/conversations/{conversation_id}/messages")["messages"]}
    assert answer.headers["X-Summary"] == "extractive"
    assert len(summary) == 3
    assert {ref["id"] for item in summary for ref in item["messageRefs"]} < ids


def test_a_call_of_silence_is_completed_and_empty(stage: Stage) -> None:
    conversation_id, job_id = stage.submit(stage.recording("silence", []), enableSeparateRecognitionPerChannel=True)
    stage.engine.run_pending()
    assert stage.status(job_id) == "completed"
    path = f"/v1/conversations/{conversation_id}"
    assert stage.get(f"{path}/messages") == {"messages": []}
    assert stage.get(f"{path}/summary") == {"summary": []}
    assert stage.get(f"{path}/analytics")["metrics"][0] == {"type": "total_silence", "percent": 100.0, "seconds": 20.0}


def test_a_markdown_transcript_is_a_string(stage: Stage) -> None:
    path = stage.analysed()
    body = {
        "contentType": "text/markdown",
        "createParagraphs": True,
        "showSpeakerSeparation": True,
        "phrases": {"highlightAllKeyPhrases": True},
    }
    transcript = stage.ask("POST", f"{path}/transcript", body).get_json()["transcript"]
    assert transcript["contentType"] == "text/markdown"
    paragraphs = transcript["payload"].split("<br/><br/>")
    assert paragraphs[0] == "Ann Agent: Thank you for calling the shop, this call is recorded. How can I help you?"
    assert paragraphs[2] == "Ann Agent: I will <mark>send you a new coffee machine tomorrow</mark>."


def test_an_srt_transcript_is_an_object(stage: Stage) -> None:
    path = stage.analysed()
    answer = stage.ask("POST", f"{path}/transcript", {"contentType": "text/srt", "showSpeakerSeparation": True})
    payload = answer.get_json()["transcript"]["payload"]
    assert payload["contentType"] == "text/srt"
    assert payload["content"].startswith("1\n00:00:00,500 --> 00:00:0")
    assert "\nAnn Agent: Thank you for calling the shop" in payload["content"]


def test_another_kind_of_transcript_gets_400(stage: Stage) -> None:
    path = stage.analysed()
    answer = stage.ask("POST", f"{path}/transcript", {"contentType": "text/html"})
    assert answer.get_json() == {"message": '"contentType" must be one of [text/markdown, text/srt]'}


@pytest.mark.parametrize("query", ["redact=true", "exclude=%5B%22PERSON_NAME%22%5D"])
def test_redaction_is_refused_rather_than_forgotten(stage: Stage, query: str) -> None:
    path = stage.analysed()
    assert stage.ask("GET", f"{path}/messages?{query}").status_code == 501


def test_the_same_audio_gives_the_same_results(stage: Stage) -> None:
    """All but ids."""

    def without_ids(path: str) -> list[str]:
        kinds = [*KINDS, "messages?verbose=true&sentiment=true", "summary"]
        return [
            re.sub(r'"\d{16}"|[0-9a-f-]{36}', "ID", stage.ask("GET", f"{path}/{kind}").get_data(as_text=True))
            for kind in kinds
        ]

    assert without_ids(stage.analysed()) == without_ids(stage.analysed())
