"""The two names every module uses for translatable text; the source language is Chinese."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

LOCALES = {"zh_Hans_CN": "中文", "en": "English"}
DEFAULT_LOCALE = "zh_Hans_CN"

__all__ = ["DEFAULT_LOCALE", "LOCALES", "_", "_l", "ngettext"]
