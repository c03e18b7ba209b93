# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that say which API server a task means; the spec is `CONNECTION_SPEC` in `_kube/options.py`."""

from __future__ import annotations


class ModuleDocFragment:
    """`meshwright.istio.kube_connection`."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path to a kubeconfig file, or several separated by C(:), merged as kubectl does.
      - Without it, and without O(host), the file named by the environment variable E(KUBECONFIG) is used, then
        C(~/.kube/config), then the service account of the pod the module runs in.
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_KUBECONFIG) is used.
    type: path
  context:
    description:
      - The context of the kubeconfig to use. Its current context, if not given.
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_CONTEXT) is used.
    type: str
  host:
    description:
      - The URL of the API server.
      - Given without O(kubeconfig) and O(context), no kubeconfig is read, so that no token of yours goes to this host.
        Given with either, it replaces the address in the kubeconfig.
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_HOST) is used.
    type: str
  api_key:
    description:
      - A bearer token to authenticate with.
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_API_KEY) is used.
    type: str
  username:
    description:
      - The user of HTTP basic authentication, where a proxy before the API server wants it.
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_USERNAME) is used.
    type: str
  password:
    description:
      - The password that belongs to O(username).
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_PASSWORD) is used.
    type: str
  validate_certs:
    description:
      - Whether to verify the API server's certificate. What the kubeconfig says, or V(true), if not given.
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_VERIFY_SSL) is used.
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description:
      - Path to the certificates of the authorities that sign the API server's certificate.
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_SSL_CA_CERT) is used.
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - Path to a client certificate to authenticate with.
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_CERT_FILE) is used.
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - Path to the private key of O(client_cert).
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_KEY_FILE) is used.
    type: path
    aliases: [key_file]
  proxy:
    description:
      - The URL of an HTTP proxy to reach the API server through.
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_PROXY) is used.
    type: str
  no_proxy:
    description:
      - Hosts, domains and networks, separated by commas, that are reached without the proxy.
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_NO_PROXY) is used.
    type: str
  impersonate_user:
    description:
      - The user to act as. You need the permission to impersonate it.
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_IMPERSONATE_USER) is used.
    type: str
  impersonate_groups:
    description:
      - The groups to act as a member of, together with O(impersonate_user).
      - If the value is not specified, the value of the environment variable E(K8S_AUTH_IMPERSONATE_GROUPS) is used,
        a list separated by commas.
    type: list
    elements: str
requirements:
  - Python 3.11 or later, where the module runs
  - kubernetes (Python package) 24.2.0 or later, where the module runs
notes:
  - Set C(ansible_python_interpreter) to C("{{ ansible_playbook_python }}") on C(localhost), so that the module runs
    with the Python that has the C(kubernetes) package.
  - Credential plugins of the kubeconfig (C(exec)) are run where the module runs.
"""
