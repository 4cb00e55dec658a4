"""What a test does with a bucket whose server only the network of a Ray cluster reaches.

Arguments: the server's address, the bucket, and `put` with a folder, whose files become objects
below `digits/`; or `get` with a folder, into which all objects come; or `wait` with the number of
parts of the output `out/` to wait for.
"""

import sys
import time
from pathlib import Path

from tests.support.s3_server import Bucket


def main() -> None:
    """Do what the command line says."""
    endpoint, name, what, argument = sys.argv[1:]
    bucket = Bucket(name, endpoint)
    if what == "put":
        bucket.create()
        bucket.put_folder(Path(argument), "digits")
    elif what == "get":
        for key, content in bucket.objects().items():
            path = Path(argument, key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    else:
        until = time.monotonic() + 300
        parts = {"Bucket": name, "Prefix": "out.staging/part-"}
        while bucket.client.list_objects_v2(**parts)["KeyCount"] < int(argument):
            assert time.monotonic() < until
            time.sleep(0.05)


if __name__ == "__main__":
    main()
