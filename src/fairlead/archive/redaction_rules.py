"""What is secret in an event, as data: by target and path, by the name of a member, by the look of a text."""

from __future__ import annotations

from dataclasses import dataclass

RULES_VERSION = 1
"""Part of every tag; it rises when a rule changes what is redacted."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Paths whose values are secret in events of some targets; an empty tuple of types is any type."""

    name: str
    target_types: tuple[str, ...]
    sub_target_types: tuple[str, ...]
    paths: tuple[str, ...]
    reason: str

    @property
    def everywhere(self) -> bool:
        """Whether it holds for every target, known or not."""
        return not self.target_types and not self.sub_target_types


@dataclass(frozen=True, slots=True)
class Look:
    """What a secret looks like inside any text; its one group, else the whole, is what is secret."""

    name: str
    pattern: str
    marks: tuple[str, ...]
    """Patterns of lower-case bytes, one of which every text that holds such a secret has."""
    example: str
    reason: str


RULES = (
    Rule(
        "variables",
        (),
        ("VARIABLE", "SECRET"),
        ("$..value",),
        "values of variables and secrets, alone, in lists of an import, aliased or overridden",
    ),
    Rule(
        "tokens",
        (),
        ("API_TOKEN", "POLICY_API_TOKEN", "JWT_TOKEN_FORGED", "GIT_TOKEN"),
        ("$..token", "$..jwt", "$..access_token", "$..refresh_token"),
        "a token opens what it was made for",
    ),
    Rule(
        "invitations",
        (),
        ("INVITATION",),
        ("$..invitation_link", "$..link", "$..token"),
        "whoever has the link joins the organization",
    ),
    Rule(
        "registries",
        ("CONTAINER_REGISTRY", "HELM_REPOSITORY"),
        (),
        ("$..config", "$..credentials"),
        "how to log in to a registry or a repository",
    ),
    Rule(
        "cloud-credentials",
        (),
        ("CLOUD_PROVIDER_CREDENTIALS", "CLUSTER_CREDENTIALS", "KUBERNETES_CREDENTIALS"),
        (
            "$..credentials",
            "$..config",
            "$..kubeconfig",
            "$..access_key_id",
            "$..secret_access_key",
            "$..session_token",
            "$..scaleway_access_key",
            "$..scaleway_secret_key",
            "$..gcp_credentials",
            "$..json_credentials",
            "$..azure_application_password",
            "$..vsphere_password",
            "$..token",
            "$..certificate_authority_data",
            "$..client_certificate_data",
            "$..client_key_data",
        ),
        "the keys of a cloud account or a cluster",
    ),
    Rule(
        "kubernetes-configuration",
        (),
        ("KUBERNETES_CONFIGURATION",),
        ("$..kubeconfig", "$..users..*", "$..client_key_data"),
        "a kubeconfig logs in to the cluster",
    ),
    Rule(
        "helm-values",
        ("HELM",),
        (),
        ("$..values_override", "$..set..*", "$..set_string..*", "$..set_json..*"),
        "values of a chart are where its passwords are put",
    ),
    Rule(
        "terraform",
        ("TERRAFORM",),
        (),
        ("$..tf_vars..value", "$..backend..*", "$..backend_config", "$..action_extra_arguments"),
        "variables, how the state is reached, and arguments that can set either",
    ),
    Rule(
        "webhooks",
        ("WEBHOOK",),
        (),
        ("$..target_secret",),
        "what a webhook's receiver trusts",
    ),
    Rule(
        "alert-receivers",
        (),
        ("ALERT_RECEIVER",),
        ("$..webhook_url", "$..smtp_password", "$..routing_key", "$..integration_key", "$..headers..*"),
        "who has the address of a receiver's hook can write there",
    ),
    Rule(
        "single-sign-on",
        ("ENTERPRISE_CONNECTION",),
        (),
        ("$..client_secret", "$..signing_key", "$..private_key", "$..scim_token", "$..bind_password"),
        "what the identity provider trusts",
    ),
    Rule(
        "single-sign-on-settings",
        (),
        ("SSO",),
        ("$..client_secret", "$..signing_key", "$..private_key", "$..scim_token", "$..bind_password"),
        "what the identity provider trusts",
    ),
    Rule(
        "credit-cards",
        (),
        ("CREDIT_CARD",),
        ("$..number", "$..card_number", "$..cvv", "$..cvc", "$..expiry_month", "$..expiry_year", "$..token"),
        "card data is never ours to keep",
    ),
    Rule("credit-codes", (), ("CREDIT_CODE",), ("$..code", "$..credit_code"), "a code is worth money"),
    Rule(
        "dns-providers",
        (),
        ("DNS_PROVIDER",),
        ("$..config", "$..credentials", "$..api_token", "$..token", "$..api_key"),
        "who can write a zone can have its certificates",
    ),
    Rule(
        "mcp-servers",
        (),
        ("MCP_SERVER",),
        ("$..headers", "$..env", "$..token", "$..credentials"),
        "headers and environment are where an agent's keys are put",
    ),
    Rule(
        "argocd",
        (),
        ("ARGOCD_CONFIGURATION",),
        ("$..token", "$..argocd_token", "$..password", "$..credentials"),
        "it deploys to every cluster that Argo CD knows",
    ),
    Rule(
        "github-app",
        (),
        ("GITHUB_APP",),
        ("$..code", "$..private_key", "$..webhook_secret"),
        "what an installation is confirmed with",
    ),
    Rule(
        "databases",
        ("DATABASE",),
        (),
        ("$..password", "$..master_password", "$..connection_uri"),
        "how to log in to a database",
    ),
    Rule(
        "variables-inside",
        (),
        (),
        (
            "$..variables..value",
            "$..environment_variables..value",
            "$..env_vars..value",
            "$..secrets..value",
            "$..vars..value",
        ),
        "variables that come with another thing, as in an import or a clone",
    ),
    Rule(
        "logins-inside",
        (),
        (),
        ("$..auths", "$..invitation_link", "$..values_override"),
        "a Docker configuration, a link that lets in, the values of a chart",
    ),
)
"""Every rule by target and path; what a path selects is secret with everything in it."""

SECRET_NAMES = (
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "jwt",
    "api key",
    "access key",
    "access key id",
    "secret key",
    "private key",
    "signing key",
    "encryption key",
    "account key",
    "auth key",
    "master key",
    "shared key",
    "client key data",
    "kube config",
    "docker config json",
    "json credentials",
    "gcp credentials",
    "authorization",
    "cookie",
    "invitation link",
)
"""How the name of a secret ends, in any target: its last words, joined by anything or nothing, in any case."""

NEVER_SECRET = ("is_secret", "automount_service_account_token", "security.automount_service_account_token")
"""Names that end like a secret's and are settings."""

OF_A_SECRET = ("aliased_secret", "overridden_secret", "git_token")
"""Names of objects that tell of a secret: read like any object, and secret only when they are a text."""

NAMING = ("key", "name")
"""Members whose text names the `value` beside them: `{"key": "DB_PASSWORD", "value": …}`."""

LOOKS = (
    Look(
        "qovery-token",
        r"(?<![A-Za-z0-9])(?:qov_|sk-qov-)[A-Za-z0-9_-]{8,}+",
        ("qov[_-]",),
        "qov_4wXc7Jd0aT2Vb9Lk",
        "a token of Qovery's API",
    ),
    Look(
        "key-with-sk",
        r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{20,}+",
        ("k-[a-z0-9_-]{20}",),
        "sk-proj-4wXc7Jd0aT2Vb9Lk1",
        "a key of a model provider",
    ),
    Look(
        "stripe-key",
        r"(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{10,}+",
        ("k_live_", "k_test_", "whsec_"),
        "sk_live_4wXc7Jd0aT2V",
        "a key of Stripe's",
    ),
    Look(
        "jwt",
        r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*+){1,4}+",
        ("yj[a-z0-9_-]{5}",),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJkZW1vIn0.c2lnbmF0dXJl",
        "a signed or encrypted token",
    ),
    Look(
        "private-key",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END).)*+(?:-----END [A-Z0-9 ]*-----)?",
        ("key(?: block)?-----",),
        "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----",
        "a private key, up to its end",
    ),
    Look(
        "aws-access-key",
        r"(?<![A-Za-z0-9])AKIA[A-Z0-9]{16}(?![A-Za-z0-9])",
        ("kia[a-z0-9]{16}",),
        "AKIAIOSFODNN7EXAMPLE",
        "half of a key of AWS",
    ),
    Look(
        "github-token",
        r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}+|github_pat_[A-Za-z0-9_]{20,}+)",
        ("h[pousr]_[a-z0-9]{20}", "hub_pat_"),
        "ghp_4wXc7Jd0aT2Vb9Lk1Qm8Zs5Ye3Ru6Ho0Nf",
        "a token of GitHub",
    ),
    Look(
        "gitlab-token",
        r"(?<![A-Za-z0-9])gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct)-[A-Za-z0-9_.-]{16,}+",
        ("gl[a-z]{2,5}-[a-z0-9_.-]{16}",),
        "glpat-4wXc7Jd0aT2Vb9Lk",
        "a token of GitLab",
    ),
    Look(
        "slack-token",
        r"(?<![A-Za-z0-9])(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}+",
        ("xox[a-z]-", "xapp-"),
        "xoxb-1234567890-4wXc7Jd0",
        "a token of Slack",
    ),
    Look(
        "google-key",
        r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}",
        ("za[a-z0-9_-]{35}",),
        "AIzaSyA4wXc7Jd0aT2Vb9Lk1Qm8Zs5Ye3Ru6Ho0",
        "a key of Google's APIs",
    ),
    Look(
        "docker-token",
        r"(?<![A-Za-z0-9])dckr_[po]at_[A-Za-z0-9_-]{20,}+",
        ("ckr_[po]at_",),
        "dckr_pat_4wXc7Jd0aT2Vb9Lk1Qm8",
        "a token of Docker Hub",
    ),
    Look(
        "vault-token",
        r"(?<![A-Za-z0-9])hv[sbr]\.[A-Za-z0-9_-]{20,}+",
        (r"hv[sbr]\.[a-z0-9_-]{20}",),
        "hvs.4wXc7Jd0aT2Vb9Lk1Qm8Z",
        "a token of Vault",
    ),
    Look(
        "password-in-address",
        r"""://(?>redacted:\d+:[0-9a-f]{32}|[^\s/?#:@"'<>]*+):(?!\d{1,5}[/?#])"""
        r"""((?:[^\s/@"'<>]|/(?!/))+(?:@[^\s/@"'<>]+)*)@""",
        (r'//(?:[^\s/@"<>]|/(?!/))*+@',),
        "postgres://app:4wXc7Jd0@db.example/app",
        "a password between a user and a host",
    ),
    Look(
        "hook-address",
        r"(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks|\.webhook\.office\.com)"
        r"""/([^\s"'<>]+)""",
        (r"ks\.slack\.com/", "hooks/", r"hook\.office\.com/"),
        "https://hooks.slack.com/services/T0/B0/4wXc7Jd0",
        "an address that needs no other secret; its host stays",
    ),
    Look(
        "query-of-address",
        r"""[?&](?:key|sig|signature|code|auth|sas|X-Amz-Signature)=([^\s&#"'<>]+)""",
        (
            r"\?(?:key|sig|signature|code|auth|sas|x-amz-signature)=",
            "&(?:key|sig|signature|code|auth|sas|x-amz-signature)=",
        ),
        "https://build.example/start?code=4wXc7Jd0",
        "a signature or a key in an address",
    ),
    Look(
        "bearer",
        r"(?i:(?<![a-z])bearer) {1,4}([A-Za-z0-9._~+/-]{20,}+=*+)",
        ("bearer {1,4}[a-z0-9._~+/-]{20}",),
        "Authorization: Bearer 4wXc7Jd0aT2Vb9Lk1Qm8",
        "a token that is shown to a server",
    ),
)
"""Secrets that are known by their look, wherever a text holds them; the rest of the text stays."""
