"""Tables of films as older pandas pickled them (protocol 4), since those versions can't be installed beside ours.

Each was made by `pickle.dump` of the same four films, and is compressed with zlib and written in base64.
"""

PANDAS_1_3 = (
    "eNqdlM9rE0EUx7NptjFaiha0SkUCekhEQuMvDAgRU4S4NIIG8VLW2d1JZnF3NszO2gYs6KG/YG59HhT/B8+ee/Lsyb9G30wSTW0EcSC782be"
    "vvl837yXt4X3cSFnhjo3IDwgac1PBK31BIkpqNIakeSRmR9C9R1sQ0UV3LgvQF2Zdg+5pIKTKK3FhJM+FSmohYdR4r9aH9n4uSr1Mu7LJIlw"
    "szggQoYk0uuXZ0fy9OfoWuJ00zUGOu/AU6iwxeo2qAIPwhicfNqR4KnzPIsHw1GMOIswthBkiBSuoH7CUykyX+rTbOOIBHimcTkEJ7cDLcuD"
    "PR3csZy8U9gFtqzsQA4HWrnKh/fgYH+0P6es+9DpdB7/wGEeTg4JDloPrNy/jb/5gRZyystCxOeo3E6j0NfnayLH0sfv4o+dYYu/88CWxilg"
    "F9glrYStTHRYRkdZ5XtT9OzaLPbyxw96fGmO3l+bt8z4Nra/NzUbu44Y9n+A5CcgT46l8c0faWxqlA0ssbPdZFh+JhMxLFfqjcadKqildSJF"
    "uHWj3GXULDZw0XqBF3z0iR99Lldurq7Wq7ABar6VxDQYAsG5vYa1S/QUw7Iue07pSEcOmX7p2NO76uLxMgzoFsUiJCm2wWlX12Bbr+FtsJfK"
    "nsxNQwTYJHBStY2GY/TYMpQRxpnvUy5oCppELaCBpK4kfbcOmgtLWndaJzPJ9dTKLCIsXypCH6HaXN69PQXCeicZCmhcxeudlNzc+F0cv0tT"
    "pccGqhgnr0PaDsAgUP3AfscuwDbUKid/C25MJTGydZKJlNjw2JLzbi8ifTNdJlGUbKZukA2wiImkbkQ8iq2/n2Ze7SfH86AL"
)
PANDAS_1_5 = (
    "eNqNU81rE0EUz6a7jdViraJWCpKDSAoltH42IERsEeLSKLWIlzLO7k6zS3dnw+ys7YIFPdgPmFufB8X/wbPnnjx78q/RN5MEE1vR"
    "d5h5b+bNm9/vfby1P1yzS0bUdJfygGZ1PxWsvilowkBNrFBJHxv9CObewS7UlE2SjgB1fdg94pIJTuOsnlBOO0xkoCYfxam/tdqz"
    "8bm60n9B4sjLfj8BNUVy3o38rZgRT7/Rzpd5nnSLXvQkj2VEhaAFRiWC+SnPpMh9qR0d4wiqgrGNyxG4pfewbHmwD2tQcy237Np7"
    "EE4pJ5BFVzNR5adLcHjQux9T1htot9tPfqKYxW1K8A43kOuF9bSoPpepKKq1xUbj7hyoi6tUimhnvroeMnPYwEPrJSI7/syPv1Rr"
    "txYWFudgA9T4cpqwoACKurOCSaRaxbDhjfAmY/iHOuPlEXLjmAQniyOfGfQI2NLY3LJew3Ph+XBacwovjTKaUeVohMeDP3iUNI/l"
    "h1bp/+RvfoBhwnn96b9wWQNcm0O4wqXTUFU/fdTytdnbvzVvG/net380+7/arjP8675OoJoZbb6A7bCs7tEMW/Ys4WybtPQZJjN8"
    "ppyBbpo3wIaGk8AdNGZNyR0ZyRjjjHcYFywDXSw1iQYWk0jaIYtgSmdzPRXtfE+nYk3NnoYIW5OJyEdQLS7v3RkCEr44icFG4z4m"
    "ZlCGsf5e6e8Tw+V4pSpJ+jpirQAMBKYXnE3scBxbzXIwwiRhkhraug+plDicu8iPbMa0Y9SrNI7T7YwEeRd7kEpGYuoxnMyDLPfq"
    "vwDyM31v"
)
PANDAS_2_2 = (
    "eNqNU89rE0EUzqa7jdViWwUtCJKDSAJlaRSxASFiilCXRqlBvJRxdneSWbo/wu6s7YIFPdgfMLc+D4r/g2fPPXn25F/hn6BvJgkm"
    "VtF3mH1v9s033/fmvdfmu+8zJW1yaUBjn2a2l6TM7qU0YiDn1qmgD7V/AvU3sA81aZKon4K8PpkexIKlMQ0zO6Ix7bM0Azn/IEy8"
    "nc1hjMflldEJEgZu9usIyAWSx4PA2wkZcdUZnRzn0aCwiYaP8lAENE1pgbAkZV4SZyLNPaEyLZ0JsoLgOuUEnNJbaBsuHMIW1BzD"
    "KTvmAfAFafmiGCgpsvx4DY6Phv9npPEKOp3Oox9oenFaAtzjbRS72E2K6lORpEW11mg279RBXtqkIg32VqpdzvRmEzeN58js9GN8"
    "+qlau7W62qjDNsjZdhIxvwCKvrWOVaTKRVh+g99kDO+Q59w8QG0xVsHKwsBjmj0SNhQ3p6xWfoFf5EtKE788rWhZloMpHfd+01FS"
    "Otr3jdL/2d/yAGH4irr0X7yMMa/eBC++9idW1Q/vlX1uDb9fWre1fR3F31qjW03Hmrz1UBVQLk93n8/2WGa7NMOePU9itks21B4W"
    "kz+R1tjX3etjR8NZ4hYG1/STWyIQIeLM9lmcsgzUY8l5DPAxiaB90gD9dGasxqKTH6hSbPEuovNnZ4FNDO6i2nFtR+NWqoy+c5M1"
    "fiErUfIyYBs+aFymFpw4bFscRkV9PJgkYoJqLaq5qBA4cvtImvRC2tfuVRqGyW5G/HyAjUUFIyF1Gc7bUZa79k8qim26"
)
LABEL_ENCODER_1_2 = (
    "eNotjzFPwzAQhRPaUioxsLAxdCyLJToxsFUsBGXgD1iOc6JRXTs6O0gZkGCooNJtPX4vdVO/4b7hvSfd+xr/XebZILrzGwMKrWgR"
    "WnQavG/su5BGVWCYrl9PfLba1YB84Ptv/uQFXWmjvAcvmW5tt217oR2C2HYmNApR9bEpEbSzPmCnQ2zSZAgyTW19jhy4yHa8yiv+"
    "4TdeFHkx3vF6RpM69C2cKhfNI+9/z+6I8icuy/LlP2o4RRa42q/maUo2SpwmzhI5xuhGpqHyA9A3zsaHHsRSLLmrxBH6iGBh"
)
