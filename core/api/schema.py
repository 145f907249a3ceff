"""The described shapes of refusals, for the OpenAPI file: one shape, with the codes that are really given.

drf-standardized-errors would describe 400, 401, 403 and 404 by the codes of Django REST framework alone; our rules have
codes of their own (`core.errors`), and clients are to rely on those. A test compares answers with this description.
"""

from typing import Any

from rest_framework import serializers

CLIENT = [("client_error", "Client Error")]
VALIDATION_OR_CLIENT = [("validation_error", "Validation Error"), *CLIENT]


class RefusalSerializer(serializers.Serializer):
    """One reason against: a stable code, the message, and the field it concerns if any."""

    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True)


class ErrorResponse400Serializer(serializers.Serializer):
    """What was sent cannot be read or accepted: `parse_error`, `invalid_input`, or a code for each field."""

    type = serializers.ChoiceField(choices=VALIDATION_OR_CLIENT)
    errors = RefusalSerializer(many=True)


class ErrorResponse401Serializer(serializers.Serializer):
    """Nobody is signed in: `not_authenticated`, `authentication_failed`, `token_invalid`, `csrf_failed`."""

    type = serializers.ChoiceField(choices=CLIENT)
    errors = RefusalSerializer(many=True)


class ErrorResponse403Serializer(serializers.Serializer):
    """The role or the token does not allow it: `not_permitted`, `permission_denied`; nothing was changed."""

    type = serializers.ChoiceField(choices=CLIENT)
    errors = RefusalSerializer(many=True)


class ErrorResponse404Serializer(serializers.Serializer):
    """There is no such thing, or it may not be known that there is: `not_found`."""

    type = serializers.ChoiceField(choices=CLIENT)
    errors = RefusalSerializer(many=True)


class ErrorResponse409Serializer(serializers.Serializer):
    """The state, a condition, or somebody's newer version stands against the request; nothing was changed."""

    type = serializers.ChoiceField(choices=CLIENT)
    errors = RefusalSerializer(many=True)


class ErrorResponse413Serializer(serializers.Serializer):
    """The body is larger than what is read: `body_too_large`."""

    type = serializers.ChoiceField(choices=CLIENT)
    errors = RefusalSerializer(many=True)


class ErrorResponse415Serializer(serializers.Serializer):
    """The body is of a kind that this operation does not read: `unsupported_media_type`."""

    type = serializers.ChoiceField(choices=CLIENT)
    errors = RefusalSerializer(many=True)


def shapes_by_viewer(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Hook of drf-spectacular: an answer with several shapes fits any of them, not exactly one.

    What an owner reads has every field that everybody reads, and more; so it fits both descriptions.
    """
    for component in result.get("components", {}).get("schemas", {}).values():
        shapes = component.get("oneOf", [])
        if shapes and "discriminator" not in component and all("$ref" in shape for shape in shapes):
            component["anyOf"] = component.pop("oneOf")
    return result
