"""What schemathesis cannot know by itself: how bodies of lines are sent."""

import schemathesis


@schemathesis.serializer("application/x-ndjson", "text/csv")
def as_text(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
