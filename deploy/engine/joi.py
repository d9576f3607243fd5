"""Bodies and queries validated as Symbl did: with Joi's sentences and Joi's conversions.

Joi turns `"true"` into true and `"2"` into 2, refuses an explicit null and an empty string, and names a field by its
path in double quotes.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails

from deploy.engine.errors import BadRequest

Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value")


def _converted_boolean(value: object) -> object:
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _converted_number(value: object) -> object:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _converted_integer(value: object) -> object:
    number = _converted_number(value)
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _absolute_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError("must be a valid uri with a scheme matching the http|https pattern")
    return value


Text = Annotated[str, StringConstraints(min_length=1)]
Boolean = Annotated[bool, BeforeValidator(_converted_boolean)]
Number = Annotated[float, BeforeValidator(_converted_number)]
Integer = Annotated[int, BeforeValidator(_converted_integer)]
Url = Annotated[
    Text, AfterValidator(_absolute_url), Field(json_schema_extra={"format": "uri", "pattern": "^https?://"})
]


#: Of every body: fields that nobody documented are ignored, as Symbl's newer fields were by its older servers.
BODY = ConfigDict(strict=True, frozen=True, extra="ignore")


def as_object(body: object) -> Mapping[str, object]:
    """*body*, which must be an object.

    Raises:
        BadRequest: it is something else.
    """
    if not isinstance(body, dict):
        raise BadRequest('"value" must be of type object')
    return body


def validated(
    model: type[Model], fields: object, *, drop_nulls: bool = False, context: dict[str, Any] | None = None
) -> Model:
    """*fields* as a *model*; with *drop_nulls* a null is as good as nothing.

    Raises:
        BadRequest: with one sentence per field that is wrong.
    """
    return _validated(TypeAdapter(model), _without_nulls(fields) if drop_nulls else fields, context)


def validated_array(model: type[Model], body: object) -> list[Model]:
    """*body*, which must be an array with something in it, as *model*s.

    Raises:
        BadRequest: with one sentence per field that is wrong.
    """
    several = Annotated[list[model], Field(min_length=1)]  # type: ignore[valid-type]  # pydantic reads it when it runs
    return _validated(TypeAdapter(several), body, None)


def _validated(adapter: TypeAdapter[Value], body: object, context: dict[str, Any] | None) -> Value:
    complaints = [f'"{path}" must not be null' for path in _nulls(body)]
    if complaints:
        raise BadRequest(". ".join(complaints))
    try:
        return adapter.validate_python(body, context=context)
    except ValidationError as invalid:
        raise BadRequest(". ".join(_sentence(error) for error in invalid.errors())) from None


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _nulls(value: object, path: str = "") -> Sequence[str]:
    if value is None:
        return [path]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in _nulls(item, f"{path}.{key}" if path else str(key))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in _nulls(item, f"{path}[{index}]")]
    return []


_SENTENCES = {
    "missing": "is required",
    "string_type": "must be a string",
    "bool_type": "must be a boolean",
    "float_type": "must be a number",
    "int_type": "must be an integer",
    "list_type": "must be an array",
    "dict_type": "must be of type object",
    "model_type": "must be of type object",
    "model_attributes_type": "must be of type object",
    "string_too_short": "is not allowed to be empty",
    "string_too_long": "length must be less than or equal to {max_length} characters long",
    "extra_forbidden": "is not allowed",
    "string_pattern_mismatch": "fails to match the required pattern: {pattern}",
    "too_short": "must contain at least {min_length} items",
    "greater_than_equal": "must be greater than or equal to {ge}",
    "less_than_equal": "must be less than or equal to {le}",
    "literal_error": "must be one of [{expected}]",
    "value_error": "{error}",
}


def _sentence(error: ErrorDetails) -> str:
    path = ""
    for step in error["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    template = _SENTENCES.get(error["type"])
    path = path or "value"
    return f'"{path}" {template.format(**_limits(error)) if template else error["msg"]}'


def _limits(error: ErrorDetails) -> dict[str, Any]:
    limits = error.get("ctx", {})
    if "expected" in limits:  # pydantic writes 'a', 'b' or 'c'; Joi a, b, c
        limits = {"expected": limits["expected"].replace("'", "").replace(" or ", ", ")}
    return limits
