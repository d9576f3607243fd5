"""Where faults enter an engine: the one seam."""

from typing import TYPE_CHECKING

from deploy.engine.faults.analyst import FaultyAnalyst
from deploy.engine.faults.control import Beside, build_control
from deploy.engine.faults.courier import FaultyCourier
from deploy.engine.faults.door import Door
from deploy.engine.faults.plan import Plan
from deploy.engine.faults.strikes import Strikes

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from deploy.engine.engine import Engine


def install(engine: "Engine") -> None:
    """Put faulty collaborators in place of the honest ones, before the engine starts."""
    settings, store, clock, wait = engine.settings, engine.store, engine.clock, engine.wait
    strikes = Strikes(Plan(faults=list(settings.faults), seed=settings.faults_seed), clock)
    courier = FaultyCourier(store, settings, clock, strikes)
    analyst = FaultyAnalyst(store, settings, clock, engine.listener, wait=wait, strikes=strikes)
    surface: WSGIApplication = Door(engine.app.wsgi_app, engine=engine, strikes=strikes, courier=courier, wait=wait)
    if settings.faults_api:
        surface = Beside(build_control(engine, strikes, analyst), surface)
    engine.courier = courier
    engine.analyst = analyst
    engine.app.wsgi_app = surface  # type: ignore[assignment, method-assign]  # Flask's own way to a middleware
