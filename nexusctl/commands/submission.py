"""What `render` and `submit` send, checked before anything is contacted."""

from typing import Any

from pydantic import ValidationError

from nexusctl.errors import UsageError
from nexusd.contract.jobs import JobSubmission


def make_submission(job_type: str, job_input: dict[str, Any], given: dict[str, Any]) -> JobSubmission:
    """Return the submission; `given` are its other fields. Raises UsageError that names each wrong one."""
    try:
        return JobSubmission(job_type=job_type, input=job_input, **given)
    except ValidationError as error:
        reasons = [f"{'/'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False)]
        raise UsageError("the submission is not valid", hint="\n".join(reasons)) from None
