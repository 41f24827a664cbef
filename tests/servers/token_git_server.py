"""The Git server of the tests with further ways to identify oneself, under names of clouds.

``/bearer/NAME.git`` takes the password as a bearer token, ``/certified/NAME.git`` a certificate
that the server's authority issued, ``/v1/repos/NAME`` is the address of repositories at CodeCommit.
"""

import trustme

from servers.git_server import HttpsGitServer, git_program

CODE_COMMIT = "git-codecommit.eu-west-1.amazonaws.com"
NAMES = ("localhost", "127.0.0.1", "dev.azure.com", "source.developers.google.com", CODE_COMMIT)

_LOCATIONS = """\
ssl_client_certificate {folder}/ca.pem;
ssl_verify_client optional;
location ~ ^/bearer/(?<path>.*)$ {{
  if ($http_authorization != "Bearer {password}") {{ return 401; }}
{backend}
}}
location ~ ^/certified/(?<path>.*)$ {{
  if ($ssl_client_verify != SUCCESS) {{ return 401; }}
{backend}
}}
location ~ ^/v1/repos/(?<name>[^/]+)/(?<rest>.*)$ {{
  auth_basic "git";
  auth_basic_user_file {folder}/users;
  set $path $name.git/$rest;
{backend}
}}
"""
# http-backend takes pushes of users with a name only.
_BACKEND = """\
  fastcgi_pass unix:{folder}/fcgi.sock;
  include /etc/nginx/fastcgi_params;
  fastcgi_param SCRIPT_FILENAME {program};
  fastcgi_param GIT_PROJECT_ROOT {root};
  fastcgi_param GIT_HTTP_EXPORT_ALL "";
  fastcgi_param GIT_CONFIG_NOSYSTEM 1;
  fastcgi_param GIT_PROTOCOL $http_git_protocol;
  fastcgi_param PATH_INFO /$path;
  fastcgi_param REMOTE_USER somebody;
"""


class TokenGitServer(HttpsGitServer):
    """See above; `accept` says which user and password are good from now on."""

    def start(self):
        self.folder.mkdir(exist_ok=True)
        backend = _BACKEND.format(
            folder=self.folder, root=self.root, program=git_program("git-http-backend")
        )
        locations = _LOCATIONS.format(folder=self.folder, password=self.password, backend=backend)
        (self.folder / "tokens.extra").write_text(locations)
        super().start()

    def accept(self, username, password):
        (self.folder / "users").write_text(f"{username}:{{PLAIN}}{password}\n")

    def client_certificate(self):
        """Return a certificate that the server accepts, and its key, as texts."""
        issued = self._authority.issue_cert("bot@example.com")
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        return chain.decode(), issued.private_key_pem.bytes().decode()

    def _write_certificate(self):
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(str(self.ca_file))
        pem = self._authority.issue_cert(*NAMES).private_key_and_cert_chain_pem
        pem.write_to_path(str(self.folder / "server.pem"))
