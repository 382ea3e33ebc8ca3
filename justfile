# Each recipe calls the script of the same name, as .ci/run and the GitHub workflows do.

# List the recipes.
default:
    @just --list

# Check the format and run clippy.
lint:
    scripts/lint

# Build the API documentation; a broken link is an error.
docs:
    scripts/docs

# Render the documents as a book; needs mdbook.
book:
    scripts/book

# Run the fast tier: no Go, no cluster.
test-fast *FILTER:
    scripts/test-fast {{ FILTER }}

# Run the cluster tier: a real API server and istiod.
test-cluster *FILTER:
    scripts/test-cluster {{ FILTER }}

# Run the packets tier: real Envoys; needs root.
test-packets *FILTER:
    scripts/test-packets {{ FILTER }}

# Run every test.
test *ARGUMENTS:
    scripts/test {{ ARGUMENTS }}

# Write every derived file again.
bless *ARGUMENTS:
    scripts/bless {{ ARGUMENTS }}

# Check the dependencies' licences, bans and sources, or the checks that are named.
deny *CHECKS:
    scripts/deny {{ CHECKS }}

# Check the GitHub workflows.
actionlint:
    scripts/actionlint

# Start the playground, play the transcript and end.
playground:
    scripts/playground

# Run both README commands with empty caches, before an issue is called done.
fresh-machine:
    scripts/fresh-machine

# Run every check.
ci:
    .ci/run
