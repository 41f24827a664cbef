{{/* Variable and key of the ConfigMap, a line each. */}}
{{- define "argocd-image-updater.configVariables" -}}
ARGOCD_NAMESPACE argocd.namespace
IMAGE_UPDATER_WATCH_NAMESPACES watch.namespaces
IMAGE_UPDATER_INTERVAL interval
MAX_CONCURRENT_APPS max_concurrent_apps
MAX_CONCURRENT_RECONCILES max_concurrent_reconciles
MAX_CONCURRENT_UPDATERS max_concurrent_updaters
IMAGE_UPDATER_SHARDS shards
IMAGE_UPDATER_PLATFORM platform
IMAGE_UPDATER_DOWNGRADE downgrade
IMAGE_UPDATER_STATE_DIR state-dir
IMAGE_UPDATER_IMAGE_CREDENTIAL_SOURCES image-credential-sources
IMAGE_UPDATER_SHARED_SECRET_NAMESPACES shared-secret-namespaces
IMAGE_UPDATER_CREDENTIAL_PROGRAM_TIMEOUT credential-program-timeout
IMAGE_UPDATER_WORKLOAD_PULL_SECRETS workload-pull-secrets
IMAGE_UPDATER_ARGOCD_REPOSITORY_CREDENTIALS argocd-repository-credentials
IMAGE_UPDATER_CLOUD_IDENTITIES cloud-identities
IMAGE_UPDATER_DOCKER_CONFIG docker-config
IMAGE_UPDATER_SIGSTORE_TRUSTED_ROOT sigstore-trusted-root
IMAGE_UPDATER_LOGLEVEL log.level
IMAGE_UPDATER_LOGFORMAT log.format
IMAGE_UPDATER_KUBE_EVENTS kube.events
IMAGE_UPDATER_REFRESH_AFTER_PUSH refresh-after-push
GIT_COMMIT_USER git.user
GIT_COMMIT_EMAIL git.email
GIT_COMMIT_METHOD git.commit-method
GIT_COMMIT_SIGNING_KEY git.commit-signing-key
GIT_COMMIT_SIGNING_METHOD git.commit-signing-method
GIT_COMMIT_SIGN_OFF git.commit-sign-off
GIT_BATCH_COMMITS git.batch-commits
GIT_SHARED_ANCHORS git.shared-anchors
GIT_CACHE_SIZE git.cache-size
ENABLE_WEBHOOK webhook.enable
WEBHOOK_PORT webhook.port
WEBHOOK_REQUIRE_SECRET webhook.require-secret
WEBHOOK_RATELIMIT_ALLOWED webhook.ratelimit-allowed
DISABLE_TLS disable-tls
TLS_MIN_VERSION tls.min-version
TLS_MAX_VERSION tls.max-version
TLS_CIPHERS tls.ciphers
{{- end -}}

{{/* Variable and key of the Secret. */}}
{{- define "argocd-image-updater.secretVariables" -}}
DOCKER_WEBHOOK_SECRET webhook.docker-secret
GHCR_WEBHOOK_SECRET webhook.ghcr-secret
QUAY_WEBHOOK_SECRET webhook.quay-secret
HARBOR_WEBHOOK_SECRET webhook.harbor-secret
ALIYUN_ACR_WEBHOOK_SECRET webhook.aliyun-acr-secret
ACR_WEBHOOK_SECRET webhook.acr-secret
CLOUDEVENTS_WEBHOOK_SECRET webhook.cloudevents-secret
{{- end -}}
