"""Cloud Storage for the local stack: fake-gcs-server, its finalize events stored, then delivered until accepted.

What fake-gcs-server 1.54.0 does not do as Cloud Storage does, measured:

- a signed URL's signature and expiry are never checked, nor is its generation or response-content-disposition
- preconditions hold for uploads alone (`if_generation_match` there is exact, races included); on delete, download and
  patch they are ignored
- metageneration is always 1, and a patch of the metadata gives the object a *new generation*: real ones keep it; a
  patch of nothing answers 400
- an interrupted resumable upload that asks for its status is finished short; a signed resumable POST answers 405
- `client.batch()` fails, notification configurations answer 404, and a listing's `match_glob` is ignored
- an upload lies in memory whole: 576 MB took 1.5 GB

It tells of changes over Pub/Sub only, once, when the object is written; a crash in that instant loses the event, as
production may: the sweep's reconciliation finds the object. From Pub/Sub on, nothing is lost: see `events`.
"""

from deploy.local.storage.events import EventDelivery, StorageEvent
from deploy.local.storage.server import StorageServer

__all__ = ["EventDelivery", "StorageEvent", "StorageServer"]
