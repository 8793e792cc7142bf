#!/usr/bin/env python3
"""The example client of Flask-Cavage's document, for Python 3.

`seed_client.py URL KEY_ID SECRET` prints what comes back. Other than there: `urllib2` is `urllib.parse`, `httpsig_cffi`, which
no Python of today builds, is the `httpsig` that it was made from, `base64.encodestring` is `b64encode` (the line breaks that it
put in were stripped there anyway), and the address is an argument. It still sends a body with its GET.
"""
import base64
import datetime
import hashlib
import json
import sys
import urllib.parse
import warnings
from time import mktime
from wsgiref.handlers import format_date_time

# httpsig asks setuptools for its own version, which setuptools would rather not be asked.
warnings.simplefilter("ignore")

import requests
from httpsig.requests_auth import HTTPSignatureAuth


def rfc1123_datetime_format(dt_instant):
    stamp = mktime(dt_instant.timetuple())
    return format_date_time(stamp)


def request(url, key_id, secret, method="GET", signed_headers=("(request-target)", "host", "date")):
    """What the document's `main` sends, before it is sent."""
    data = dict()
    url_components = urllib.parse.urlparse(url)
    checksum = "SHA-256=" + base64.b64encode(hashlib.sha256(json.dumps(data).encode()).digest()).decode()
    headers = dict(
        date=rfc1123_datetime_format(datetime.datetime.now()), host=url_components.netloc, digest=checksum)
    auth = HTTPSignatureAuth(key_id=key_id, secret=secret, headers=list(signed_headers))
    return requests.Request(method, url, auth=auth, headers=headers, json=data).prepare()


def main():
    z = requests.Session().send(request(*sys.argv[1:]))
    print(z.request.headers)
    print(z.content)


if __name__ == "__main__":
    main()
