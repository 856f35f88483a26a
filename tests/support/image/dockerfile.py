"""Makes image/Dockerfile from the recipe, for whoever has Docker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.image.recipe import TIDY

if TYPE_CHECKING:
    from support.image.recipe import Recipe

TEXT = """# Made from image/recipe.toml by `python -m support.image sync`; change it there.
#
#   make wheel && docker build --file image/Dockerfile --tag {title}:VERSION .

FROM {base} AS build
RUN {install} python3 python3-venv
RUN python3 -m venv {folder}
COPY requirements/operator.txt /build/
RUN {folder}/bin/pip install --no-deps --require-hashes --only-binary :all: --requirement /build/operator.txt
COPY build/dist/*.whl /build/
RUN {folder}/bin/pip install --no-deps --no-index /build/*.whl \\
 && {folder}/bin/pip uninstall --yes setuptools pip

FROM {base}
RUN {install} {packages} \\
 && rm -rf /var/lib/apt/lists/* \\
 && {user} \\
 && {tidy}
COPY --from=build {folder} {folder}
{environment}
USER {user_id}:{user_id}
WORKDIR /
ENTRYPOINT {command}
"""


def text(recipe: Recipe) -> str:
    """Returns the whole Dockerfile."""
    install = "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends"
    return TEXT.format(
        base=recipe.base,
        title=recipe.title,
        folder=recipe.folder,
        install=install,
        packages=" ".join(recipe.packages),
        user=recipe.add_user,
        tidy=TIDY,
        environment="\n".join(f"ENV {name}={value}" for name, value in recipe.environment.items()),
        user_id=recipe.user_id,
        command=json.dumps(list(recipe.command)),
    )
