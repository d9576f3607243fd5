"""The world of the pipeline, in one process: an engine, a queue and a clock that do what a test decides.

calls: what a stage does to the outside, and what may become of each call
actors: stages that run one call at a time, in any order, and may die between two
engine, cloud: what stands on the other side
world: the stages' own code over the embedded Datastore, wired to all that
laws: what must hold at every instant, and at the end
"""
