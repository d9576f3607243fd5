"""By what a switch may be narrowed: the name and the metadata of the conversation that something belongs to."""

from typing import TypedDict

from deploy.engine.errors import NotFound
from deploy.engine.store import Store


class Traits(TypedDict, total=False):
    """Fields of a target."""

    name: str
    metadata: dict[str, str]


def of_conversation(store: Store, conversation_id: str) -> Traits:
    """What is known of a conversation; nothing where it does not exist."""
    try:
        conversation = store.conversation(conversation_id)
    except NotFound:
        return {}
    return {"name": conversation.name, "metadata": conversation.metadata}


def of_job(store: Store, job_id: str) -> Traits:
    """What is known of a job's conversation; nothing where either does not exist."""
    try:
        return of_conversation(store, store.job(job_id).conversation_id)
    except NotFound:
        return {}
