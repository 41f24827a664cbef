"""Pieces of YAML files as people keep them; none of them may change when an image does.

`{n}` is a number that makes keys unique in a file. Several pieces look like the place to edit.
"""

VALUES = (
    "# -- number of Pods\nreplicaCount{n}: 3\n",
    "## @section Parameters {n}\n## @param pull{n} when to pull\n##\npull{n}: IfNotPresent\n",
    "service{n}:\n  type: ClusterIP\n  port: 80\n  annotations: {{}}\n",
    "ingress{n}:\n    enabled: true\n    hosts:\n    - host: a.example\n      paths: [/, /api]\n",
    "resources{n}: {{}}\n  # limits:\n  #   cpu: 100m\n  #   image.tag: 1.0.0\n",
    "sidecar{n}:\n  image:\n    repository: docker.io/library/busybox\n    tag: 1.0.0\n",
    'script{n}: |\n  #!/bin/sh\n  # image:\n  #   tag: 1.0.0\n  echo "tag: 1.0.0"\n\n  exit 0\n',
    "folded{n}: >-\n  image:\n    tag: 1.0.0\n  and the rest\n\n  of it\n",
    "keep{n}: |+\n  last lines stay\n\n\n",
    "env{n}:\n  - name: TAG\n    value: \"1.0.0\"\n  - {{name: OTHER, value: '1.0.0'}}\n",
    "empty{n}:\nnull{n}: ~\nlist{n}: []\n",
    "odd{n}: 'it''s # no comment'\nquoted{n}: \"a \\\"b\\\" \\u00e4 # no comment\"\n",
    "numbers{n}: [1, 1.50, 0x1F, 1e3, -7, 010]\n",
    "truths{n}: [true, false, \"yes\", 'no']\n",
    'date{n}: "2024-01-02"\ntime{n}: 12:30:45\n',
    'unicode{n}: "Grüße, 世界, 🚀" # ünïcode\n',
    'long{n}: "' + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=" * 40 + '"\n',
    "deep{n}:\n  a:\n    b:\n      c:\n        d: {{e: {{f: [1, {{g: h}}]}}}}\n",
    "spaced{n}  :   value\n",
    "\n\n\n# three empty lines above {n}\n",
    "aligned{n}:\n  a:      1\n  bbb:    2\n  ccccc:  3\n",
    "anchor{n}: &a{n}\n  cpu: 1\nalias{n}: *a{n}\nmerged{n}:\n  <<: *a{n}\n  cpu: 2\n",
    'json{n}: \'{{"image": {{"tag": "1.0.0"}}}}\'\n',
    "flow{n}: {{a: 1,\n  b: [x,\n      y], # inside\n  c: 'tag: 1.0.0'}}\n",
    '"quoted key {n}": "v"\n\'single {n}\': v\n',
    'template{n}: "{{{{ .Values.image.tag }}}}"\n',
    "plain{n}: several words: no, a:b and #hash stay plain\n".replace(": no", " no"),
    "multi{n}: first line\n  second line\n  third line\n",
    "# trailing blanks follow {n}   \nblank{n}: x   \n",
    "# a tab\there {n}\ntabbed{n}: x\t# after a tab\n",
)

KUSTOMIZATION = (
    "namePrefix: p{n}-\n",
    "# labels of {n}\nlabels:\n- pairs:\n    app.kubernetes.io/part-of: shop\n    version: 1.0.0\n",
    "commonAnnotations:\n  note: 'newTag: 1.0.0' # newTag: 1.0.0\n",
    """\
patches:
- target: {{kind: Deployment}}
  patch: |-
    - op: add
      path: /metadata/annotations
      value:
        images: "- name: web"
""",
    """\
configMapGenerator:
- name: settings-{app}
  literals:
  - IMAGE_TAG=1.0.0
  - "QUOTED=a b"
""",
    "generatorOptions: {{disableNameSuffixHash: true}}\n",
    "replicas:\n  - name: {app}\n    count: 2\n",
    "# just a comment\n\n\n",
    "buildMetadata: [originAnnotations]\n".replace("originAnnotations", "managedByLabel"),
    """\
patches:
  - patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: {app}
      spec:
        # images:
        replicas: 4
""",
)
