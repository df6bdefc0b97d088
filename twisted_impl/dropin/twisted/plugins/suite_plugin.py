"""`twistd suite`; the rest is in twisted_impl.tap, since an editable install copies this file."""

from twisted.application.service import ServiceMaker

suite = ServiceMaker("suite", "twisted_impl.tap", "echo and the other small network services (RFC 862 to 868)", "suite")
