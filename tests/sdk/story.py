"""Drives the simulator by the Python SDK, and holds every answer against the SDK's models.

usage: story.py URL      (of `skillsync simulate --scenario scenario.toml`)
"""

import json
import sys
import time
import unittest
from http import HTTPStatus
from types import MethodType
from typing import Any, ClassVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import PureCloudPlatformClientV2 as sdk
from PureCloudPlatformClientV2.rest import ApiException

from definitions import PARTNERS, Value, operation_of, operations, problems, product_calls

CLIENT = ("skillsync-simulated", "not-a-secret")
NOBODY = "00000000-0000-4000-8000-000000000000"
# The word that the SDK has for a value of an enumeration that it does not know.
UNKNOWN = "outdated_sdk_version"
# Where there is no hit, the real search leaves out `results`, although the SDK's types promise it.
PERMITTED = "post_users_search: UsersSearchResponse needs results"

driven: set[str] = set()


class Org(unittest.TestCase):
    """A client of the SDK, before an org that behaves as the test wants."""

    url: ClassVar[str] = ""
    client: ClassVar[sdk.ApiClient]
    users: ClassVar[sdk.UsersApi]
    routing: ClassVar[sdk.RoutingApi]
    scim: ClassVar[sdk.SCIMApi]
    organization: ClassVar[sdk.OrganizationApi]

    @classmethod
    def setUpClass(cls) -> None:
        cls.client = sdk.ApiClient(host=cls.url).get_client_credentials_token(*CLIENT)
        cls.users, cls.routing = sdk.UsersApi(cls.client), sdk.RoutingApi(cls.client)
        cls.scim, cls.organization = sdk.SCIMApi(cls.client), sdk.OrganizationApi(cls.client)

    def setUp(self) -> None:
        self.behave({})

    def behave(self, behaviour: dict[str, object]) -> None:
        """How the org behaves from now on, in the words of a scenario."""
        body = json.dumps({"latency": {"fixed": "0s"}, **behaviour}).encode()
        headers = {"content-type": "application/json"}
        urlopen(Request(f"{self.url}/_simulator/behaviour", body, headers, method="PUT")).close()

    def ask(self, call: MethodType, *given: object, **named: object) -> Any:
        """What the SDK makes of an answer that fits its models."""
        name = call.__name__
        driven.add(name)
        found = call(*given, **named)
        api: Any = call.__self__
        raw = api.api_client.last_response.data
        kind = operations()[name].answer
        if kind is None:
            self.assertEqual(raw, "", name)
            return found
        wrong = set(problems(json.loads(raw), Value(kind), name, nulls=True)) - {PERMITTED}
        self.assertEqual(wrong, set())
        self.assertNotIn(UNKNOWN, str(found))
        return found

    def refused(self, status: int, code: str, call: MethodType, *given: object, **named: object) -> dict[str, Any]:
        """The document of an error that the SDK tells of."""
        with self.assertRaises(ApiException) as caught:
            call(*given, **named)
        error = caught.exception
        self.assertEqual(error.status, status, error.body)
        document: dict[str, Any] = json.loads(error.body)
        kind = "ScimError" if error.headers["content-type"] == "application/scim+json" else "ErrorBody"
        self.assertEqual(list(problems(document, Value(kind), call.__name__, nulls=True)), [])
        if kind == "ErrorBody":
            self.assertEqual((document["status"], document["code"]), (status, code))
            self.assertEqual(document["contextId"], error.headers["inin-correlation-id"])
        else:
            self.assertEqual((document["status"], document["scimType"]), (str(status), code))
        return document

    def everybody(self, state: str, size: int = 50) -> list[sdk.User]:
        """A listing of users to its end."""
        found: list[sdk.User] = []
        for number in range(1, 10):
            page = self.ask(
                self.users.get_users, page_size=size, page_number=number, state=state, expand=["employerInfo", "skills"]
            )
            if not page.entities:
                return found
            found += page.entities
        self.fail("the listing does not end")

    def find(self, *values: str, field: str = "email", state: tuple[str, ...] = ("active", "inactive")) -> list[str]:
        """The ids that a search finds."""
        query = []
        for name, wanted in ((field, values), ("state", state)):
            criterion = sdk.UserSearchCriteria()
            criterion.type, criterion.fields, criterion.values = "EXACT", [name], list(wanted)
            query.append(criterion)
        wanted = sdk.UserSearchRequest()
        wanted.query, wanted.page_size, wanted.expand = query, 100, ["employerInfo", "skills"]
        wanted.sort_by, wanted.sort_order = "name", "ASC"
        found = self.ask(self.users.post_users_search, wanted)
        self.assertEqual(found.total, len(found.results or []))
        return [user.id for user in found.results or []]

    def skills_of(self, user: str) -> dict[str, float]:
        page = self.ask(self.routing.get_user_routingskills, user, page_size=50, page_number=1)
        self.assertEqual(page.total, len(page.entities))
        return {skill.id: skill.proficiency for skill in page.entities}


class Logins(Org):
    def test_a_wrong_secret_is_told_as_oauth_does(self) -> None:
        with self.assertRaises(ApiException) as caught:
            sdk.ApiClient(host=self.url).get_client_credentials_token(CLIENT[0], "wrong")
        self.assertEqual(caught.exception.status, HTTPStatus.UNAUTHORIZED)
        told = json.loads(caught.exception.body)
        self.assertEqual((told["error"], told["error_description"]), ("invalid_client", "authentication failed"))

    def test_a_token_that_was_given_back_is_none(self) -> None:
        client = sdk.ApiClient(host=self.url).get_client_credentials_token(*CLIENT)
        self.ask(sdk.UsersApi(client).get_users, page_size=1)
        self.ask(sdk.TokensApi(client).delete_tokens_me)
        self.refused(401, "bad.credentials", sdk.UsersApi(client).get_users)


class Directory(Org):
    def test_listings_show_everybody_of_a_state(self) -> None:
        for state, count in (("active", 115), ("inactive", 10), ("deleted", 5), ("any", 130)):
            found = self.everybody(state)
            self.assertEqual((len(found), len({user.id for user in found})), (count, count))
            states = {"active", "inactive", "deleted"} if state == "any" else {state}
            self.assertEqual({user.state for user in found}, states)
            self.assertTrue(all(user.employer_info.employee_id.startswith("E") for user in found))
            self.assertEqual({len(user.skills) for user in found}, {5})

    def test_a_page_tells_of_the_others(self) -> None:
        page = self.ask(self.users.get_users, page_size=50, page_number=2, expand=["employerInfo"])
        self.assertEqual((page.page_size, page.page_number, page.page_count, page.total), (50, 2, 3, 115))
        links = {"first_uri": 1, "previous_uri": 1, "self_uri": 2, "next_uri": 3, "last_uri": 3}
        for name, number in links.items():
            uri = getattr(page, name)
            self.assertTrue(uri.startswith(f"/api/v2/users?pageSize=50&pageNumber={number}&expand=employerInfo"), uri)
        self.assertIsNone(page.entities[0].skills)

    def test_users_are_found_by_ids(self) -> None:
        one, other = self.everybody("active")[0], self.everybody("inactive")[0]
        found = self.ask(self.users.get_users, id=[one.id, other.id, NOBODY], state="any", page_size=100, page_number=1)
        self.assertEqual({user.id for user in found.entities}, {one.id, other.id})
        alone = self.ask(self.users.get_user, other.id, expand=["employerInfo", "skills"])
        self.assertEqual((alone.state, alone.employer_info.employee_id), ("inactive", other.employer_info.employee_id))
        self.refused(404, "not.found", self.users.get_user, NOBODY)

    def test_a_user_is_found_by_an_external_id(self) -> None:
        by_key = self.users.get_users_externalid_authority_name_external_key
        self.assertEqual(self.ask(by_key, "hris", "H7", expand=["employerInfo"]).employer_info.employee_id, "E1007")
        self.refused(404, "not.found", by_key, "hris", "H404")

    def test_a_search_finds_addresses(self) -> None:
        users = {user.email: user.id for user in self.everybody("any")}
        self.assertEqual(
            self.find("AGENT3@example.com", "agent120@example.com", "agent404@example.com"),
            [users["agent120@example.com"], users["agent3@example.com"]],
        )
        self.assertEqual(self.find("agent404@example.com"), [])
        self.assertEqual(self.find("agent120@example.com", state=("active",)), [])

    def test_scim_finds_an_employee_number(self) -> None:
        one, other = self.everybody("active")[0], self.everybody("inactive")[0]
        for user, active in ((one, True), (other, False)):
            number = user.employer_info.employee_id
            for given in (number, json.dumps(number)):
                found = self.ask(self.scim.get_scim_v2_users, filter=f"employeeNumber eq {given}", count=25)
                self.assertEqual((found.total_results, found.start_index, found.items_per_page), (1, 1, 1))
                (own,) = found.resources
                self.assertEqual((own.id, own.active, own.user_name), (user.id, active, user.email))
                enterprise = own.urnietfparamsscimschemasextensionenterprise2_0_user
                self.assertEqual(enterprise.employee_number, number)
        self.assertEqual(self.ask(self.scim.get_scim_v2_users, filter="employeeNumber eq E404").resources, [])
        few = self.ask(self.scim.get_scim_users, start_index=101, count=25, attributes=["id", "active"])
        self.assertEqual((few.total_results, len(few.resources), few.resources[0].display_name), (115, 15, None))
        for wrong in ("employeeNumber co 1", "title eq x"):
            self.refused(400, "invalidFilter", self.scim.get_scim_v2_users, filter=wrong)


class Catalogues(Org):
    def test_skills_of_all_states_are_listed(self) -> None:
        states = {"active": 0, "inactive": 0, "deleted": 0}
        first = self.ask(self.routing.get_routing_skills, page_size=30, page_number=1)
        second = self.ask(self.routing.get_routing_skills, page_size=30, page_number=2)
        for skill in first.entities + second.entities:
            states[skill.state] += 1
        self.assertEqual((states["inactive"], states["deleted"]), (3, 2))
        self.assertEqual(sum(states.values()), first.total)
        named = self.ask(self.routing.get_routing_skills, name="skill 3")
        self.assertTrue(named.entities and all(skill.name.startswith("Skill 3") for skill in named.entities))
        only = self.ask(self.routing.get_routing_skills, id=[first.entities[0].id, second.entities[0].id])
        self.assertEqual([skill.id for skill in only.entities], [first.entities[0].id, second.entities[0].id])

    def test_groups_are_listed_by_cursor(self) -> None:
        found: list[str] = []
        after = None
        while True:
            page = self.ask(self.routing.get_routing_skillgroups, page_size=10, **({"after": after} if after else {}))
            found += [group.name for group in page.entities]
            if page.next_uri is None:
                break
            after = page.next_uri.split("after=")[1].split("&")[0]
        self.assertEqual((len(found), len(set(found))), (35, 35))
        before = page.previous_uri.split("before=")[1].split("&")[0]
        back = self.ask(self.routing.get_routing_skillgroups, page_size=10, before=before)
        self.assertEqual([group.name for group in back.entities], found[20:30])

    def test_the_org_tells_who_it_is(self) -> None:
        org = self.ask(self.organization.get_organizations_me)
        self.assertEqual(org.id, self.ask(self.organization.get_organizations_me).id)
        self.assertTrue(org.self_uri.endswith(f"/api/v2/organizations/{org.id}"), org.self_uri)

    def test_the_org_tells_its_limits(self) -> None:
        names = self.ask(self.organization.get_organizations_limits_namespaces, page_size=10)
        self.assertEqual(names["entities"], ["limit.registry", "platform.api"])
        own = self.ask(self.organization.get_organizations_limits_namespace, "limit.registry")
        self.assertEqual([(limit.key, limit.value) for limit in own.entities], [("limits.rate", 6)])
        usual = self.ask(self.organization.get_organizations_limits_namespace_defaults, "platform.api")
        self.assertEqual(
            [(limit.key, limit.value) for limit in usual.entities], [("client.credentials.token.rate.per.minute", 300)]
        )
        self.refused(404, "not.found", self.organization.get_organizations_limits_namespace, "nothing")


class Skills(Org):
    """What a user of the SDK does."""

    def rated(self, skill: str, proficiency: float) -> sdk.UserRoutingSkillPost:
        line = sdk.UserRoutingSkillPost()
        line.id, line.proficiency = skill, proficiency
        return line

    def new_skill(self, name: str) -> sdk.CreateRoutingSkill:
        wanted = sdk.CreateRoutingSkill()
        wanted.name = name
        return wanted

    def test_a_skill_is_created_given_replaced_and_taken_away(self) -> None:
        user = self.everybody("active")[10].id
        before = self.skills_of(user)
        created = self.ask(self.routing.post_routing_skills, self.new_skill("Warranty"))
        self.assertEqual((created.name, created.state), ("Warranty", "active"))
        self.assertEqual(created.self_uri, f"/api/v2/routing/skills/{created.id}")
        self.refused(409, "general.conflict", self.routing.post_routing_skills, self.new_skill("WARRANTY"))
        self.refused(400, "invalid.value", self.routing.post_routing_skills, self.new_skill(" "))

        added = self.ask(self.users.patch_user_routingskills_bulk, user, [self.rated(created.id, 4.5)])
        self.assertEqual(self.skills_of(user), before | {created.id: 4.5})
        self.assertEqual({skill.id: skill.proficiency for skill in added.entities}, before | {created.id: 4.5})
        self.ask(self.users.patch_user_routingskills_bulk, user, [])
        self.assertEqual(self.skills_of(user), before | {created.id: 4.5})

        kept = next(iter(before))
        self.ask(self.users.put_user_routingskills_bulk, user, [self.rated(kept, 1.0), self.rated(created.id, 0.0)])
        self.assertEqual(self.skills_of(user), {kept: 1.0, created.id: 0.0})
        shown = self.ask(self.users.get_user, user, expand=["skills"])
        self.assertEqual({skill.id: skill.name for skill in shown.skills}[created.id], "Warranty")

        self.ask(self.routing.delete_user_routingskill, user, created.id)
        self.assertEqual(self.skills_of(user), {kept: 1.0})
        self.refused(404, "not.found", self.routing.delete_user_routingskill, user, created.id)
        self.ask(self.users.put_user_routingskills_bulk, user, [])
        self.assertEqual(self.skills_of(user), {})

    def test_what_cannot_be_written_is_refused(self) -> None:
        user = self.everybody("active")[11].id
        before = self.skills_of(user)
        sound, unknown = self.rated(next(iter(before)), 1.0), self.rated(NOBODY, 1.0)
        for lines in ([unknown], [self.rated(sound.id, 7.0)], [sound] * 2, [sound] * 51):
            self.refused(400, "invalid.value", self.users.patch_user_routingskills_bulk, user, lines)
        self.refused(404, "not.found", self.users.patch_user_routingskills_bulk, NOBODY, [])
        self.assertEqual(self.skills_of(user), before)

    def test_a_skill_may_be_inactive_at_a_user(self) -> None:
        self.behave({"deactivated_skills": 0.5})
        states = [skill.state for user in self.everybody("active") for skill in user.skills]
        self.assertEqual(set(states), {"active", "inactive"})
        of_one = lambda: {skill.id: skill for skill in self.users.get_user_routingskills(user).entities}
        user = next(user.id for user in self.everybody("active") if "inactive" in [skill.state for skill in user.skills])
        skill = next(skill for skill in of_one().values() if skill.state == "inactive")
        self.ask(self.users.patch_user_routingskills_bulk, user, [self.rated(skill.id, 2.0)])
        self.assertEqual(of_one()[skill.id].state, "inactive")
        body = {"id": skill.id, "proficiency": 3.0, "state": "active"}
        self.assertEqual(self.ask(self.users.put_user_routingskill, user, skill.id, body).state, "active")
        self.assertEqual((of_one()[skill.id].state, of_one()[skill.id].proficiency), ("active", 3.0))
        self.refused(404, "not.found", self.users.put_user_routingskill, user, NOBODY, body)


class Refusals(Org):
    def test_a_permission_that_lacks_is_named(self) -> None:
        self.behave({"missing_permissions": ["routing:skill:assign", "routing:skill:view", "routing:skillGroup:view"]})
        user = self.everybody("active")[0].id
        told = self.refused(403, "missing.permissions", self.users.put_user_routingskills_bulk, user, [])
        self.assertIn("routing:skill:assign", told["message"])
        self.refused(403, "missing.permissions", self.routing.get_routing_skills)
        self.refused(403, "missing.permissions", self.routing.get_routing_skillgroups)

    def test_a_locked_user_is_a_conflict(self) -> None:
        self.behave({"conflicts": {"blocked": {"share": {"rate": 1.0}}}})
        user = self.everybody("active")[0].id
        told = self.refused(409, "general.resource.conflict", self.users.patch_user_routingskills_bulk, user, [])
        self.assertIn("published schedule", told["message"])

    def test_pages_that_there_are_not_are_refused(self) -> None:
        for call in (self.users.get_users, self.routing.get_routing_skills, self.routing.get_routing_skillgroups):
            self.refused(400, "invalid.value", call, page_size=501)
        self.refused(400, "invalid.value", self.users.get_users, page_number=0)
        self.refused(400, "invalid.value", self.users.get_users, id=[NOBODY] * 101)
        self.behave({"inactive_cap": 5})
        self.refused(400, "invalid.value", self.users.get_users, state="inactive", page_size=10, page_number=1)

    def test_the_sdk_waits_as_a_429_tells_it(self) -> None:
        fault = {"routes": ["users"], "at_most": 1, "kind": {"rate_limited": {"retry_after": "2s"}}}
        self.behave({"faults": [fault]})
        began = time.monotonic()
        self.assertEqual(len(self.ask(self.users.get_users, page_size=10).entities), 10)
        self.assertGreaterEqual(time.monotonic() - began, 2.0)

    def test_a_429_names_the_limit_of_its_service(self) -> None:
        path = "/api/v2/organizations/limits/namespaces/platform.api"
        asked = Request(self.url + path, headers={"authorization": f"Bearer {self.client.access_token}"})
        with self.assertRaises(HTTPError) as caught:
            for _ in range(7):
                urlopen(asked).close()
        error = caught.exception
        document = json.load(error)
        self.assertEqual((error.status, document["code"]), (429, "too.many.requests.retry.after"))
        self.assertIn(error.headers["retry-after"], ("1", "2"))
        self.assertEqual(list(problems(document, Value("ErrorBody"), path, nulls=True)), [])
        self.assertEqual(document["limit"], {"key": "limits.rate", "namespace": "limit.registry", "value": 6})


class OtherOrgs(Org):
    LINKS = ("firstUri", "selfUri", "nextUri", "previousUri", "lastUri")
    PAGING = ("pageSize", "pageNumber", "total", "pageCount", *LINKS)

    def test_listings_may_tell_nothing_of_their_pages(self) -> None:
        for paging in ({"left_out": self.PAGING}, {"null": self.PAGING}):
            self.behave({"paging": paging})
            page = self.ask(self.users.get_users, page_size=10)
            self.assertEqual([getattr(page, name) for name in ("total", "page_count", "next_uri")], [None] * 3)
            self.assertEqual(len(self.everybody("active")), 115)
            user = page.entities[0].id
            skills = self.ask(self.routing.get_user_routingskills, user, page_size=50)
            self.assertEqual((len(skills.entities), skills.total), (5, None))
            self.assertEqual(len(self.ask(self.routing.get_routing_skills, page_size=10).entities), 10)
            self.assertIsNone(self.ask(self.routing.get_routing_skillgroups, page_size=10).next_uri)

    def test_a_page_may_be_smaller_than_was_asked_for(self) -> None:
        self.behave({"paging": {"largest": {"users": 20}, "oversized": "clamped"}})
        page = self.ask(self.users.get_users, page_size=500)
        self.assertEqual((page.page_size, len(page.entities), page.page_count), (20, 20, 6))

    def test_users_of_other_divisions_are_not_there(self) -> None:
        everybody = {user.id: user for user in self.everybody("active")}
        self.behave({"hidden_users": 0.3})
        seen = {user.id for user in self.everybody("active")}
        self.assertTrue(0 < len(seen) < len(everybody))
        hidden = next(user for user in everybody.values() if user.id not in seen)
        self.refused(404, "not.found", self.users.get_user, hidden.id)
        self.refused(404, "not.found", self.routing.get_user_routingskills, hidden.id)
        self.refused(404, "not.found", self.users.patch_user_routingskills_bulk, hidden.id, [])
        self.assertEqual(self.find(hidden.email), [])
        number = hidden.employer_info.employee_id
        self.assertEqual(self.ask(self.scim.get_scim_v2_users, filter=f"employeeNumber eq {number}").total_results, 0)
        self.assertEqual(self.ask(self.users.get_users, id=[hidden.id]).entities, [])

    def test_scim_and_limits_may_be_refused(self) -> None:
        limits = self.organization.get_organizations_limits_namespace
        for access, status, code in (("refused", 403, "missing.permissions"), ("absent", 404, "not.found")):
            self.behave({"scim": access, "org_limits": access})
            self.refused(status, code, self.scim.get_scim_v2_users, filter="employeeNumber eq E1001")
            self.refused(status, code, limits, "platform.api")


def tearDownModule() -> None:
    """Whether every call of the product was made."""
    calls = [(method, path) for method, path in product_calls() if path != PARTNERS]
    names = {f"{method} {path}": operation_of(method, path) for method, path in calls}
    missing = [call for call, operation in names.items() if operation is None or operation.name not in driven]
    if missing:
        raise AssertionError(f"not driven: {', '.join(missing)}")


if __name__ == "__main__":
    Org.url = sys.argv[1].rstrip("/")
    unittest.main(argv=sys.argv[:1])
