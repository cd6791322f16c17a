// java Java.java URL: statuses and texts that the JDK's client reads, in each version of HTTP that it knows.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Java {
  public static void main(String[] arguments) throws Exception {
    String body = "{\"prompt\": \"The quick brown fox\", \"max_tokens\": 100}";
    for (HttpClient.Version version : HttpClient.Version.values()) {
      HttpClient client = HttpClient.newBuilder().version(version).build();
      HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0] + "/complete"))
          .header("Content-Type", "application/json")
          .POST(HttpRequest.BodyPublishers.ofString(body))
          .build();
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      System.out.println(answer.statusCode() + " " + answer.body());
    }
  }
}
