"""Reading, listing, changing and deleting conversations, and who takes part in them."""

from typing import Any

import pytest

from tests.contract.engine.stage import AGENT, CALLER, Stage

UNKNOWN = {"message": "The conversationId is either invalid or does not exist."}


def names(stage: Stage, query: str) -> list[str]:
    return [conversation["name"] for conversation in stage.get(f"/v1/conversations?{query}")["conversations"]]


@pytest.fixture
def three(stage: Stage) -> Stage:
    """Three conversations a day apart, the newest today."""
    for day in (20, 21, 22):
        stage.submit(
            "http://media.example/x",
            name=f"Call {day}",
            startTime=f"2026-11-{day}T09:00:00Z",
            metadata={"day": str(day), "attempt": f"a-{day}"},
        )
    return stage


def test_a_conversation_tells_its_facts(stage: Stage) -> None:
    path = stage.analysed(name="Call 8812", metadata={"attempt": "a-1"})
    answer = stage.ask("GET", path)
    conversation = answer.get_json()
    members = conversation.pop("members")
    assert conversation == {
        "id": path.rpartition("/")[2],
        "type": "meeting",
        "name": "Call 8812",
        "startTime": "2026-11-20T09:00:00.000Z",
        "endTime": "2026-11-20T09:00:20.000Z",
        "metadata": {"attempt": "a-1"},
    }
    assert [{key: member[key] for key in ("name", "email")} for member in members] == [AGENT, CALLER]
    assert answer.headers["X-Analysis-Engine"] == "local-replay"


def test_without_a_name_it_bears_its_id_and_without_a_start_the_time_of_acceptance(stage: Stage) -> None:
    conversation_id, _ = stage.submit("http://media.example/x")
    conversation = stage.get(f"/v1/conversations/{conversation_id}")
    assert conversation["name"] == conversation_id
    assert conversation["startTime"] == "2026-11-22T10:00:00.000Z"


@pytest.mark.parametrize(
    "tail",
    ["", *(f"/{kind}" for kind in (
        "messages", "topics", "questions", "action-items", "follow-ups", "entities", "analytics", "trackers",
        "trackers-detected", "summary", "members",
    ))],
)  # fmt: skip
def test_an_unknown_conversation_gets_404_everywhere(idle_stage: Stage, tail: str) -> None:
    answer = idle_stage.ask("GET", f"/v1/conversations/1234567890123456{tail}")
    assert (answer.status_code, answer.get_json()) == (404, UNKNOWN)


def test_the_list_is_by_start_and_may_be_turned_round(three: Stage) -> None:
    assert names(three, "") == ["Call 20", "Call 21", "Call 22"]
    assert names(three, "order=desc&sort=conversation.startTime") == ["Call 22", "Call 21", "Call 20"]


def test_the_list_is_paged(three: Stage) -> None:
    assert names(three, "limit=1&offset=1") == ["Call 21"]
    assert names(three, "limit=0") == []


def test_the_list_is_of_the_last_seven_days_unless_a_period_is_given(three: Stage) -> None:
    three.clock.advance(5.5 * 86400)
    three.token = ""
    assert names(three, "") == ["Call 21", "Call 22"]
    assert names(three, "startTime=2026-11-01T00:00:00Z&endTime=2026-11-20T12:00:00Z") == ["Call 20"]


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ("conversation.metadata.attempt==a-21", ["Call 21"]),
        ("conversation.metadata.attempt=='a-21'", ["Call 21"]),
        ('conversation.name=="Call 22"', ["Call 22"]),
        ("conversation.metadata.day==20;conversation.metadata.attempt==a-20", ["Call 20"]),
        ("conversation.metadata.day==20 and conversation.metadata.attempt==a-21", []),
        ("conversation.metadata.day!=20", ["Call 21", "Call 22"]),
        ("conversation.metadata.unknown==1", []),
    ],
)
def test_the_list_is_filtered_by_metadata_and_name(three: Stage, filter_: str, found: list[str]) -> None:
    answer = three.ask("GET", "/v1/conversations", query_string={"filter": filter_})
    assert [conversation["name"] for conversation in answer.get_json()["conversations"]] == found


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"limit": "65537"}, '"limit" must be between'),
        ({"limit": "many"}, '"limit" must be a number'),
        ({"offset": "-1"}, '"offset" must be between'),
        ({"order": "up"}, '"order" must be one of'),
        ({"sort": "name"}, '"sort" must be one of'),
        ({"startTime": "then"}, '"startTime" must be in ISO 8601'),
        ({"filter": "metadata.day==1"}, '"filter" cannot be read'),
        ({"filter": "conversation.name==a,conversation.name==b"}, "must not contain OR"),
        ({"filter": "conversation.name==a;conversation.name==b;conversation.name==c"}, "at most 2 parameters"),
    ],
)
def test_a_wrong_query_gets_400(idle_stage: Stage, query: dict[str, str], words: str) -> None:
    answer = idle_stage.ask("GET", "/v1/conversations", query_string=query)
    assert answer.status_code == 400
    assert words in answer.get_json()["message"]


def test_metadata_is_added_to(stage: Stage) -> None:
    """The answer is all the metadata there is now."""
    path = stage.analysed(metadata={"attempt": "a-1"})
    answer = stage.ask("PUT", path, {"metadata": {"agentId": "a7"}})
    assert answer.get_json() == {"id": path.rpartition("/")[2], "metadata": {"attempt": "a-1", "agentId": "a7"}}
    assert stage.get(path)["metadata"] == {"attempt": "a-1", "agentId": "a7"}
    assert stage.ask("PUT", path, {"metadata": {"agentId": 7}}).status_code == 400


def test_deleting_is_answered_once(stage: Stage) -> None:
    path = stage.analysed()
    answer = stage.ask("DELETE", path)
    assert (answer.status_code, answer.get_json()) == (200, {"message": "successfully deleted the conversation"})
    again = stage.ask("DELETE", path)
    assert (again.status_code, again.get_json()) == (404, UNKNOWN)


def test_deleting_leaves_no_word_behind(stage: Stage) -> None:
    """Neither the words nor the URL stay in the database, nor in the bytes of its files."""
    path = stage.analysed()
    assert b"coffee machine" in kept_bytes(stage)
    stage.ask("DELETE", path)
    assert b"coffee machine" not in kept_bytes(stage)
    assert stage.outside.url("/call").encode() not in kept_bytes(stage)


def kept_bytes(stage: Stage) -> bytes:
    return b"".join(path.read_bytes() for path in stage.settings.state.glob("engine.sqlite3*"))


def test_deleting_ends_the_jobs_that_are_under_way(stage: Stage) -> None:
    conversation_id, job_id = stage.submit(stage.recording("call"), webhookUrl=stage.outside.url("/hook"))
    stage.engine._fetcher.step()
    stage.ask("DELETE", f"/v1/conversations/{conversation_id}")
    stage.engine.run_pending()
    assert stage.status(job_id) == "failed"
    assert stage.outside.statuses() == ["scheduled", "failed"]
    assert list((stage.settings.state / "audio").iterdir()) == []


def test_a_second_part_follows_the_first_on_one_clock(stage: Stage) -> None:
    """Offsets go on where the first part ended, and members with the same address are one."""
    path = stage.analysed()
    later = [{"channel": "left", "start": 1.0, "end": 3.0, "text": "Here I am again."}]
    metadata = [{"channel": 1, "speaker": AGENT}]
    stage.submit(
        stage.recording("two", later),
        path.rpartition("/")[2],
        enableSeparateRecognitionPerChannel=True,
        channelMetadata=metadata,
    )
    stage.engine.run_pending()
    messages = stage.get(f"{path}/messages")["messages"]
    assert messages[-1]["text"] == "Here I am again."
    assert messages[-1]["timeOffset"] == 21.0
    assert messages[-1]["startTime"] == "2026-11-20T09:00:21.000Z"
    assert messages[-1]["from"]["email"] == AGENT["email"]
    assert len(stage.get(f"{path}/members")["members"]) == 2
    assert stage.get(path)["endTime"] == "2026-11-20T09:00:40.000Z"


def test_ids_stay_when_a_part_is_added(stage: Stage) -> None:
    path = stage.analysed()
    before = {
        item["id"] for item in stage.get(f"{path}/messages")["messages"] + stage.get(f"{path}/questions")["questions"]
    }
    stage.submit(stage.recording("two"), path.rpartition("/")[2])
    stage.engine.run_pending()
    after = {
        item["id"] for item in stage.get(f"{path}/messages")["messages"] + stage.get(f"{path}/questions")["questions"]
    }
    assert before < after


def test_speakers_without_names_are_numbered_on(stage: Stage) -> None:
    path = stage.analysed(channelMetadata=[])
    stage.submit(stage.recording("two"), path.rpartition("/")[2], enableSeparateRecognitionPerChannel=True)
    stage.engine.run_pending()
    members = stage.get(f"{path}/members")["members"]
    assert [member["name"] for member in members] == ["Speaker 1", "Speaker 2", "Speaker 3", "Speaker 4"]


def rename(stage: Stage, path: str, member: dict[str, Any], **fields: str) -> int:
    return stage.ask(
        "PUT", f"{path}/members/{member['id']}", {"id": member["id"], "name": member["name"], **fields}
    ).status_code


def test_a_renamed_member_is_renamed_everywhere(stage: Stage) -> None:
    path = stage.analysed(channelMetadata=[])
    member = stage.get(f"{path}/members")["members"][0]
    assert rename(stage, path, member, name="Ann", email="ann@shop.example") == 200
    assert stage.get(f"{path}/messages")["messages"][0]["from"] == {
        "id": member["id"],
        "name": "Ann",
        "email": "ann@shop.example",
    }
    assert stage.get(f"{path}/analytics")["members"][0]["userId"] == "ann@shop.example"


def test_members_with_one_address_become_one(stage: Stage) -> None:
    """This is how the speakers of two parts are joined."""
    path = stage.analysed()
    stage.submit(stage.recording("two"), path.rpartition("/")[2], enableSeparateRecognitionPerChannel=True)
    stage.engine.run_pending()
    members = stage.get(f"{path}/members")["members"]
    assert rename(stage, path, members[2], email=AGENT["email"].upper()) == 200
    left = stage.get(f"{path}/members")["members"]
    assert len(left) == 3
    speakers = {message["from"]["id"] for message in stage.get(f"{path}/messages")["messages"]}
    assert speakers == {member["id"] for member in left}
    share = stage.get(f"{path}/analytics")["members"][0]
    assert share["talkTime"]["seconds"] == pytest.approx(21.0)


def test_an_unknown_member_gets_404_and_a_mismatch_400(stage: Stage) -> None:
    path = stage.analysed()
    assert stage.ask("PUT", f"{path}/members/x", {"id": "x", "name": "X"}).status_code == 404
    assert stage.ask("PUT", f"{path}/members/x", {"id": "y", "name": "X"}).status_code == 400
