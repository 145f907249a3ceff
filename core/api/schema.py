"""The described shape of a refusal by a rule (409), for the OpenAPI file."""

from rest_framework import serializers


class RefusalSerializer(serializers.Serializer):
    """One reason against: a stable code, the message, and the field it concerns if any."""

    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True)


class ErrorResponse409Serializer(serializers.Serializer):
    """The state, a condition, or somebody's newer version stands against the request; nothing was changed."""

    type = serializers.ChoiceField(choices=[("client_error", "Client Error")])
    errors = RefusalSerializer(many=True)
