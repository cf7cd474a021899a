"""Every constraint of botocore's service model, from both sides: `botocore_constraints.py ENDPOINT`.

For each operation that the emulator says it answers, one request for each bound of each member of the
input: one inside, one outside. The requests are made and signed by botocore without its own checks of
parameters. Outside, the answer must name the code, the field and the constraint; inside, it may be any
answer that the model has, but no validation error. It prints one line per operation, with the counts that
the caller holds.

Bounds that AWS has in words only are in WORDS. A pattern that PATTERNS does not have is a failure.
"""

import json
import sys
import urllib.request

import botocore.session
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, prepare_request_dict
from botocore.credentials import Credentials
from botocore.serialize import create_serializer

ENDPOINT = sys.argv[1]
SERVICES = {"": "iot", "iotjobsdata": "iot-jobs-data", "servicequotas": "service-quotas"}
NUMBERS = ("integer", "long", "float", "double")
WRONG = []
# Stands for a text where botocore's serializer takes nothing but a number.
NO_NUMBER = 424242.0

# What the model's words and the developer guide add to its constraints.
WORDS = {
    "DetailsValue": {"max": 1024},
    "DetailsMap": {"max": 10},
    "StepTimeoutInMinutes": {"min": 1, "max": 10080},
    "InProgressTimeoutInMinutes": {"min": 1, "max": 10080},
}

# By pattern: a text of that length, and one that does not fit.
PATTERNS = {
    None: ("a", None),
    "[a-zA-Z0-9:_-]+": ("a", "a b"),
    "[a-zA-Z0-9_-]+": ("a", "a:b"),
    "[a-zA-Z0-9\\-]+": ("a", "a_b"),
    "[a-zA-Z0-9_-]+|^\\$next": ("a", "$nex"),
    "[^\\p{C}]+": ("ü", "a\tb"),
    "[\\p{Upper}\\p{Digit}_]+": ("A", "Ab"),
    "^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$": ("ü", "a#b"),
    "^arn:[!-~]+$": ("arn:", "urn:a"),
    "[a-zA-Z0-9_.,@/:#-]+": ("a", "a b"),
    "[a-zA-Z0-9_.,@/:#=\\[\\]-]*": ("a", "a b"),
    "[\\p{Graph}\\x20]*": ("a", "a\tb"),
    "[a-zA-Z0-9:$.]+": ("a", "a b"),
    "[a-zA-Z0-9:.]+": ("a", "a$b"),
    "[a-zA-Z][a-zA-Z0-9-]{1,63}": ("a", "1a"),
    "[a-zA-Z][a-zA-Z0-9-]{1,128}": ("a", "1a"),
    "[\\s\\S]*": ("ü", None),
}


def limits(shape):
    return {**shape.metadata, **WORDS.get(shape.name, {})}


def text(shape, length):
    first = PATTERNS[limits(shape).get("pattern")][0]
    return (first + "a" * length)[:length] if len(first) > 1 else first * length


def sample(shape):
    """A valid value with what is required and nothing more."""
    bounds = limits(shape)
    kind = shape.type_name
    if kind == "structure":
        return {name: sample(shape.members[name]) for name in shape.required_members}
    if kind == "list":
        return [sample(shape.member) for _ in range(max(bounds.get("min", 0), 1))]
    if kind == "map":
        return {sample(shape.key): sample(shape.value)}
    if kind == "boolean":
        return True
    if kind in NUMBERS:
        return bounds.get("min", 1)
    if "enum" in bounds:
        return bounds["enum"][0]
    return text(shape, min(max(bounds.get("min", 1), 6), bounds.get("max", 6)))


def of_texts(shape):
    """The bounds of a text: kind, inside, outside, what the answer says."""
    bounds = limits(shape)
    if "enum" in bounds:
        for value in bounds["enum"]:
            yield "enum", value, "NONE_SUCH", "Member must satisfy enum value set: ["
        return
    pattern = bounds.get("pattern")
    smallest = bounds.get("min", 0)
    # Two lengths of Service Quotas are not what its patterns leave.
    if smallest > 0:
        inside = max(smallest, 2) if pattern and pattern.startswith("[a-zA-Z][") else max(smallest, 5)
        yield "min", text(shape, inside), text(shape, smallest - 1), \
            f"Member must have length greater than or equal to {smallest}"
    if "max" in bounds:
        yield "max", text(shape, bounds["max"]), text(shape, bounds["max"] + 1), \
            f"Member must have length less than or equal to {bounds['max']}"
    if PATTERNS[pattern][1] is not None:
        yield "pattern", sample(shape), PATTERNS[pattern][1], \
            f"Member must satisfy regular expression pattern: {pattern}"


def of_numbers(shape):
    bounds = limits(shape)
    step = 1 if shape.type_name in ("integer", "long") else 0.1
    if "min" in bounds:
        # -1 clears a step timer.
        below = -2 if shape.name == "StepTimeoutInMinutes" else round(bounds["min"] - step, 3)
        yield "min", bounds["min"], below, f"Member must have value greater than or equal to {bounds['min']}"
    if "max" in bounds:
        yield "max", bounds["max"], round(bounds["max"] + step, 3), \
            f"Member must have value less than or equal to {bounds['max']}"
    if shape.name == "StepTimeoutInMinutes":
        yield "off", -1, 0, "Member must have value greater than or equal to 1"
    yield "type", sample(shape), NO_NUMBER if step == 0.1 else "x", None


def lower(name):
    return name[:1].lower() + name[1:]


def cases(shape, at, put):
    """All bounds of a shape. `put` makes an input of the operation that has a value in its place."""
    kind = shape.type_name
    bounds = limits(shape)
    if kind == "structure":
        for name, inner in shape.members.items():
            place = f"{at}.{lower(name)}" if at else lower(name)

            def put_inner(value, name=name):
                base = sample(shape)
                if value is None:
                    base.pop(name, None)
                else:
                    base[name] = value
                return put(base)

            # A label that is not there is another path.
            if name in shape.required_members and inner.serialization.get("location") != "uri":
                yield place, "required", put_inner(sample(inner)), put_inner(None), "Member must not be null"
            yield from cases(inner, place, put_inner)
    elif kind == "list":
        if bounds.get("min", 0) > 0:
            count = bounds["min"]
            yield at, "min", put([sample(shape.member)] * count), put([sample(shape.member)] * (count - 1)), \
                f"Member must have length greater than or equal to {count}"
        if "max" in bounds:
            count = bounds["max"]
            yield at, "max", put([sample(shape.member)] * count), put([sample(shape.member)] * (count + 1)), \
                f"Member must have length less than or equal to {count}"
        place = f"{at}.1.member" if shape.member.type_name == "structure" else at
        yield from cases(shape.member, place, lambda value: put([value]))
    elif kind == "map":
        if "max" in bounds:
            def entries(count):
                return {f"k{n}": sample(shape.value) for n in range(count)}

            yield at, "max", put(entries(bounds["max"])), put(entries(bounds["max"] + 1)), \
                f"Member must have length less than or equal to {bounds['max']}"
        yield from cases(shape.key, at, lambda key: put({key: sample(shape.value)}))
        yield from cases(shape.value, at, lambda value: put({sample(shape.key): value}))
    elif kind in NUMBERS:
        for name, inside, outside, says in of_numbers(shape):
            yield at, name, put(inside), put(outside), says
    elif kind == "boolean":
        yield at, "type", put(True), put("x"), None
    elif kind == "string":
        for name, inside, outside, says in of_texts(shape):
            yield at, name, put(inside), put(outside), says
    else:
        sys.exit(f"{at}: {kind} is not known to this test")


class Client:
    def __init__(self, session, service):
        self.model = session.get_service_model(service)
        self.serializer = create_serializer(self.model.metadata["protocol"], include_validation=False)
        name = self.model.signing_name
        self.auth = SigV4Auth(Credentials("AKIDEXAMPLE", "secret"), name, "eu-west-1")
        # botocore's own session waits 40 ms between the head and the body of a request.
        self.http = urllib3.PoolManager(retries=False)

    def send(self, operation, params):
        request = self.serializer.serialize_to_request(params, operation)
        if isinstance(request["body"], bytes):
            request["body"] = request["body"].replace(str(NO_NUMBER).encode(), b'"x"')
        prepare_request_dict(request, ENDPOINT)
        request = AWSRequest(
            method=request["method"], url=request["url"], headers=request["headers"], data=request["body"])
        self.auth.add_auth(request)
        sent = request.prepare()
        return self.http.request(sent.method, sent.url, body=sent.body, headers=dict(sent.headers))


def told(response):
    code = response.headers.get("x-amzn-errortype")
    body = json.loads(response.data)
    return code, body.get("message") or ""


def main():
    with urllib.request.urlopen(f"{ENDPOINT}/_emulator/operations") as answer:
        names = json.load(answer)["operations"]
    session = botocore.session.get_session()
    clients = {prefix: Client(session, service) for prefix, service in SERVICES.items()}
    for name in names:
        prefix, _, plain = name.rpartition(":")
        if plain not in clients[prefix].model.operation_names:
            prefix = "servicequotas"
        client = clients[prefix]
        operation = client.model.operation_model(plain)
        refusal = "IllegalArgumentException" if prefix == "servicequotas" else "InvalidRequestException"
        known = {shape.metadata.get("error", {}).get("code", shape.name) for shape in operation.error_shapes}
        counts = {}
        for at, kind, inside, outside, says in cases(operation.input_shape, "", lambda value: value):
            place = f"{name} {at} {kind}"
            counts[kind] = counts.get(kind, 0) + 1
            response = client.send(operation, inside)
            code, message = told(response)
            if response.status != 200 and code not in known:
                WRONG.append(f"{place} inside: {response.status} {code} is not in the model: {message[:300]}")
            if "validation error" in message or code == "SerializationException":
                WRONG.append(f"{place} inside: {message[:300]}")
            response = client.send(operation, outside)
            code, message = told(response)
            expected = "SerializationException" if says is None else refusal
            if (response.status, code) != (400, expected):
                WRONG.append(f"{place} outside: {response.status} {code} {message[:300]}")
            elif f"'{at}'" not in message:
                WRONG.append(f"{place} outside: the field is not named: {message[-300:]}")
            elif says is not None and (says not in message or "validation error" not in message):
                WRONG.append(f"{place} outside: not {says!r}: {message[-300:]}")
        print(name, " ".join(f"{kind}={count}" for kind, count in sorted(counts.items())))
    if WRONG:
        sys.exit("\n".join(WRONG))


main()
