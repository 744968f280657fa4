"""Values are written one way on every page, and every component draws."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask, flash, g, render_template, render_template_string, request
from flask_babel import Babel
from flask_wtf import CSRFProtect
from jinja2 import UndefinedError

from qiantang_nest.core import clock, style_page, templating
from tools.translations import compile_catalogues

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.fixture
def page_app() -> Iterator[Flask]:
    """The templates with an application of their own: no database, no person."""
    compile_catalogues()
    app = Flask("pages", root_path=str(ROOT), static_folder="static", template_folder="templates")
    app.config.update(SECRET_KEY="for tests", BABEL_TRANSLATION_DIRECTORIES=str(ROOT / "translations"))
    CSRFProtect(app)
    Babel(app, locale_selector=lambda: request.args.get("lang", "zh_Hans_CN"))
    templating.register(app)
    style_page.register(app)
    app.add_url_rule("/preferences/large-type/<int:on>", "preferences.set_large_type", lambda on: "")

    @app.context_processor
    def offer() -> dict[str, object]:
        return {
            "app_name": "钱塘巢",
            "current_actor": None,
            "locale": request.args.get("lang", "zh_Hans_CN"),
            "large_type": request.args.get("large") == "1",
            "switch_locale_url": lambda lang: f"/?lang={lang}",
            "nav": [],
            "phone_tabs": [],
        }

    with clock.frozen_at(NOON):
        yield app


@pytest.fixture
def render(page_app: Flask) -> Callable[..., str]:
    def one(source: str, path: str = "/", **values: object) -> str:
        with page_app.test_request_context(path):
            return render_template_string(source, **values)

    return one


@pytest.mark.parametrize(
    ("fen", "shown"), [(123450, "¥1,234.50"), (-4533, "−¥45.33"), (0, "¥0.00"), (None, "—")]
)
def test_money_has_two_decimals_and_a_real_minus(fen: int | None, shown: str) -> None:
    assert templating.money(fen) == shown


@pytest.mark.parametrize(("fen", "shown"), [(62000, "¥620"), (62050, "¥620.50"), (-100, "−¥1"), (None, "—")])
def test_yuan_leaves_round_sums_round(fen: int | None, shown: str) -> None:
    assert templating.yuan(fen) == shown


def test_amount_leaves_the_unit_to_the_head() -> None:
    assert templating.amount(-4533) == "−45.33"
    assert templating.amount(None) == "—"


def test_a_rate_without_a_base_is_a_dash() -> None:
    assert templating.percent(None) == "—"
    assert templating.percent(0.763) == "76.3%"
    assert templating.percent(-0.018) == "−1.8%"
    assert templating.number(31460) == "31,460"


def test_dates_of_instants_are_shanghai_dates(render: Callable[..., str]) -> None:
    late = datetime(2026, 11, 29, 17, 0, tzinfo=UTC)
    assert render("{{ at|date }} {{ at|day }} {{ at|moment }} {{ at|hour_minute }}", at=late) == (
        "2026-11-30 11 月 30 日 2026-11-30 01:00 01:00"
    )


def test_weekdays_fit_a_narrow_column(render: Callable[..., str]) -> None:
    assert render("{{ on|weekday }}", on=date(2026, 11, 23)) == "一"
    assert render("{{ on|weekday }}", "/?lang=en", on=date(2026, 11, 29)) == "Su"


def test_a_day_of_another_year_names_the_year(render: Callable[..., str]) -> None:
    assert render("{{ on|day }}", on=date(2027, 1, 5)) == "2027 年 1 月 5 日"
    assert render("{{ on|day }}", "/?lang=en", on=date(2026, 11, 30)) == "30 Nov"
    assert render("{{ on|day }}", "/?lang=en", on=date(2027, 1, 5)) == "5 Jan 2027"


@pytest.mark.parametrize(
    ("hour", "minute", "shown"),
    [
        (9, 0, "11 月 24 日下午 5 点"),
        (0, 30, "11 月 24 日上午 8 点半"),
        (4, 5, "11 月 24 日中午 12 点 5 分"),
        (12, 0, "11 月 24 日晚上 8 点"),
    ],
)
def test_times_for_villagers_are_spoken(
    render: Callable[..., str], hour: int, minute: int, shown: str
) -> None:
    assert render("{{ at|day_time }}", at=datetime(2026, 11, 24, hour, minute, tzinfo=UTC)) == shown


def test_periods_show_their_last_day(render: Callable[..., str]) -> None:
    source = "{% from 'components/ui.html' import period %}{{ period(a, b)|striptags }}"
    assert render(source, a=date(2026, 11, 9), b=date(2026, 12, 1)) == "2026-11-09 至 2026-11-30"
    assert render(source, a=date(2026, 11, 9), b=date(2026, 11, 10)) == "2026-11-09"
    assert render(source, a=date(2026, 11, 9), b=None) == "2026-11-09 起"


def test_large_sums_have_small_fen(render: Callable[..., str]) -> None:
    source = "{% from 'components/ui.html' import money %}{{ money(f, big=True, whole=w) }}"
    assert '<span class="y">¥</span>8,215<span class="f">.04</span>' in render(source, f=821504, w=False)
    assert "f" not in render(source, f=124000, w=True).split("1,240")[1].split("</span>")[0]


def test_url_with_changes_one_value_and_drops_another(page_app: Flask) -> None:
    with page_app.test_request_context("/rooms?sort=rent&page=3&group=1&group=2"):
        assert templating.url_with(sort="-rent", page=None) == "/rooms?sort=-rent&group=1&group=2"
    with page_app.test_request_context("/rooms?page=3"):
        assert templating.url_with(page=None) == "/rooms"


def test_a_misspelt_name_is_an_error(render: Callable[..., str]) -> None:
    with pytest.raises(UndefinedError):
        render("{{ no_such_thing }}")
    with pytest.raises(UndefinedError):
        render("{% from 'components/ui.html' import chip %}{{ chip('room.idel') }}")


def test_every_chip_has_its_sign_in_the_sprite() -> None:
    sprite = (ROOT / "static/icons.svg").read_text()
    for kind, look in templating.CHIPS.items():
        assert f'id="{look.sign}"' in sprite, kind
    style = (ROOT / "static/css/app.css").read_text()
    for kind, look in templating.CHIPS.items():
        assert f".chip-{look.look} " in style, kind


def test_values_are_escaped_in_components(render: Callable[..., str]) -> None:
    bad = "<script>alert(1)</script>"
    page = render(
        "{% from 'components/ui.html' import chip, facts, stat, empty, flash %}"
        "{{ chip('room.idle', bad) }}{{ facts([(bad, bad, bad)]) }}{{ stat(bad, bad, note=bad) }}"
        "{{ empty(bad, bad) }}{{ flash('done', bad) }}",
        bad=bad,
    )
    assert "<script" not in page


@pytest.mark.parametrize("query", ["", "?lang=en", "?large=1"])
def test_the_style_page_draws_every_component(page_app: Flask, query: str) -> None:
    response = page_app.test_client().get(f"/style{query}")
    assert response.status_code == 200
    page = response.get_data(as_text=True)
    assert " style=" not in page
    assert "onclick" not in page
    assert page.count("<h1>") == 1


@pytest.mark.parametrize("status", ["400", "403", "404", "409", "413", "429", "500", "503", "csrf"])
def test_error_pages_draw_without_anything_around_them(page_app: Flask, status: str) -> None:
    page_app.template_context_processors[None].clear()
    with page_app.test_request_context("/somewhere"):
        g.request_id = "0123456789abcdef"
        page = render_template(f"errors/{status}.html", message=None)
    assert 'href="/"' in page
    assert "0123456789abcdef" in page
    assert page.count("<h1>") == 1


HAN = re.compile(r"[\u3400-\u9fff]")


@pytest.mark.parametrize("status", ["400", "403", "404", "409", "413", "429", "500", "503", "csrf"])
def test_error_pages_are_whole_in_english(page_app: Flask, status: str) -> None:
    with page_app.test_request_context("/somewhere?lang=en"):
        page = render_template(f"errors/{status}.html", message=None)
    assert not HAN.findall(page.replace("钱塘巢", ""))


@pytest.mark.parametrize("frame", ["public", "desk", "phone", "print"])
def test_frames_are_whole_in_english(page_app: Flask, frame: str) -> None:
    source = f"{{% extends 'layouts/{frame}.html' %}}{{% block title %}}T{{% endblock %}}"
    with page_app.test_request_context("/?lang=en"):
        person = SimpleNamespace(name="Shen")
        page = render_template_string(source, current_actor=person, role_label="Clerk", area_name="Tongyi")
    assert not HAN.findall(page.replace("钱塘巢", "").replace(">中文<", ""))


def test_every_chip_has_an_english_word(page_app: Flask) -> None:
    with page_app.test_request_context("/?lang=en"):
        assert [kind for kind, look in templating.CHIPS.items() if HAN.search(str(look.label))] == []


def test_flash_categories_have_their_own_look_and_role(page_app: Flask) -> None:
    with page_app.test_request_context("/"):
        flash("存好了", "done")
        flash("没有存上", "failed")
        page = render_template_string(
            "{% from 'components/ui.html' import flash_messages %}{{ flash_messages() }}"
        )
    assert 'class="flash flash-done" role="status"' in page
    assert 'class="flash flash-failed" role="alert"' in page


def test_sort_links_turn_round_and_say_so(render: Callable[..., str]) -> None:
    source = "{% from 'components/table.html' import head %}{{ head({'label': '月租', 'sort': 'rent'}, s) }}"
    up = render(source, "/rooms?page=4", s="rent")
    assert 'aria-sort="ascending"' in up
    assert 'href="/rooms?sort=-rent"' in up
    assert "aria-sort" not in render(source, s="")


def test_forms_derive_what_the_validators_know(page_app: Flask) -> None:
    with page_app.test_request_context("/"):
        form = style_page.sample()["form"]
        page = render_template_string(
            "{% from 'components/form.html' import form_for, field %}"
            "{% call form_for(f, submit='存') %}"
            "{{ field(f.heads, unit='人', hint='全部算上') }}{{ field(f.budget) }}"
            "{{ field(f.shift) }}{{ field(f.other, rows=3) }}{% endcall %}",
            f=form,
        )
    heads = page[page.index('id="heads"') - 200 : page.index('id="heads"') + 300]
    assert 'inputmode="numeric"' in heads
    assert 'max="5000"' in heads
    assert "required" in heads
    assert 'aria-describedby="heads-hint heads-error"' in heads
    assert "可不填" in page[page.index('for="budget"') : page.index('id="budget"')]
    assert "可不填" not in page[page.index('for="heads"') : page.index('id="heads"')]
    assert 'maxlength="300"' in page
    assert 'href="#shift-0"' in page
    assert 'id="shift-0"' in page
    assert 'name="csrf_token"' in page
    assert "改好了，存" in page
