"""What to do about an error of AWS's own."""

from botocore.exceptions import BotoCoreError, ClientError

LOGIN = "aws sso login, or set AWS_PROFILE"
_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
# Of botocore: NoCredentialsError, SSOTokenLoadError, UnauthorizedSSOTokenError, ...
_OF_CREDENTIALS = ("Credential", "Token", "SSO", "ProfileNotFound")


def fix_of(error: BotoCoreError | ClientError) -> str:
    """The fix that an error asks for: rights are missing only where AWS says so."""
    if not isinstance(error, ClientError):
        if any(word in type(error).__name__ for word in _OF_CREDENTIALS):
            return LOGIN
        return "see the message; if it is the network, run the same command again"
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _EXPIRED:
        return f"the credentials are wrong or have expired: {LOGIN}"
    if code in _DENIED:
        return "see the deployer's rights in docs/aws.md"
    if code.startswith(("Validation", "InvalidParameter")):
        return "AWS refuses a value: the message names it, docs/aws.md the variables"
    return "see the message; if it is a fault of AWS, run the same command again"
