"""Every link of every bar leads somewhere its role may go."""

import pytest

from qiantang_nest.accounts.rules import EMPLOYER_ROLES, Role
from qiantang_nest.navigation import FOOTER, NAVIGATION, VISITOR
from tests import factories as make
from tests.conftest import sign_in

pytestmark = pytest.mark.usefixtures("at_now")

SCOPES = {
    Role.VILLAGE_CLERK: make.VILLAGE,
    Role.STREET_OFFICER: make.VILLAGE[:9],
    Role.DISTRICT_OFFICER: make.VILLAGE[:6],
}


def actor_of(role: Role):
    if role == Role.VILLAGER:
        return make.make_villager()[0]
    if role in EMPLOYER_ROLES:
        return make.make_employer(role=role)[0]
    return make.make_actor(role, SCOPES.get(role, ""))


def url_of(app, endpoint: str) -> str:
    with app.test_request_context():
        return app.url_for(endpoint)


@pytest.mark.parametrize("role", list(Role))
def test_each_link_of_a_role_opens_and_is_marked(client, db_session, app, role):
    make.make_village()
    sign_in(client, actor_of(role))
    for endpoint, _label, icon in NAVIGATION[role]:
        url = url_of(app, endpoint)
        page = client.get(url)
        assert page.status_code == 200, endpoint
        assert f'<a href="{url}" aria-current="page">' in page.text, endpoint
        assert icon


@pytest.mark.parametrize("endpoint", [link[0] for link in (*VISITOR, *FOOTER)])
def test_visitors_may_follow_theirs(client, db_session, app, endpoint):
    make.make_village()
    db_session.commit()
    assert client.get(url_of(app, endpoint)).status_code == 200
