"""What cluvault puts on a Prefect server: prefect.yaml, pools, automations, environments; and how it gets there.

The files are data of this package, so that an installed cluvault deploys itself without a checkout.
"""
