"""What travels: requests and answers of the service, as OpenAPI describes them."""
