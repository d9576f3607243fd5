"""An embedded ``google.datastore.v1.Datastore``: Google's own client talks to it, SQLite keeps the data.

values -> limits, query -> scan -> results, aggregation -> service -> server
storage, mutations, transactions: what is kept, how it changes, who may commit
indexes: which composite index production would ask for
"""

from deploy.local.datastore.indexes import IndexDefinitions, load_indexes
from deploy.local.datastore.server import DatastoreServer

__all__ = ["DatastoreServer", "IndexDefinitions", "load_indexes"]
